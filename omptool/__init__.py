"""From an OPC UA server to an answer. Nothing is imported here: start-up cost belongs to the command that needs it."""

__version__ = "0.1.0"
