"""Named analyses: recipes of SQL with typed headers, run through whatever engine answers."""
