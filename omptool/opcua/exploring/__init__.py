"""What a server has: browsing, and what its nodes say of themselves."""
