"""Steps behind the SQL of recipes: rows in order in, the columns of the header out. Pure."""
