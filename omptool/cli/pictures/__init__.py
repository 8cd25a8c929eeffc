"""Pictures of results for a terminal, as lines of text. Pure but for asking what the terminal can show."""
