"""The capture format .omcap: write, read, recover, verify; the recorder is its one file that talks to a server."""
