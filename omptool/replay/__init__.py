"""Recorded rows played again: when each is due, which stamps it carries, and where it goes."""
