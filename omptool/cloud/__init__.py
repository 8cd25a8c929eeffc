"""The cloud API: an open HTTP interface to a lake, its reference server, and the client that is an `Engine`."""
