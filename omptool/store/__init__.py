"""Where bytes lie: list, open, put and create-if-absent for local folders; object stores join here."""
