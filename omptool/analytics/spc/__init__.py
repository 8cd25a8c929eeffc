"""Control charts and capability as formulas over arrays: no tables, no files, no engine."""
