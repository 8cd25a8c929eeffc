"""The simulated plant, pure, and the server that shows it."""
