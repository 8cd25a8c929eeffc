"""Recordings that other tools made, as telemetry: what is wrong in them is set aside and counted, never guessed."""
