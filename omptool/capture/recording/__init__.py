"""Recording: servers in, rows of a capture out; the only part of it that talks to servers."""
