"""The one DuckDB door: views, parameters, the Engine protocol."""
