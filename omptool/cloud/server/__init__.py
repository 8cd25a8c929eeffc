"""The reference server of the cloud API: `cloud serve`."""
