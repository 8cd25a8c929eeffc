"""Delta tables on Parquet: layout, convert, single-file export."""
