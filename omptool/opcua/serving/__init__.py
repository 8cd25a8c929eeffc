"""The server side: an address space served from a node table and a source of values, for demo and replay."""
