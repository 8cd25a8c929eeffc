"""Values as they come: items, publishing, and taking a subscription up again after whatever happened to it."""
