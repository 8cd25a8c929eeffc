"""What a user types, named and classified: the one resolver of sources."""
