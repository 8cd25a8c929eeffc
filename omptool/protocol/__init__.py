"""OPC UA messages as bytes in, columns and bookkeeping out; pure: no socket, no file, no clock."""
