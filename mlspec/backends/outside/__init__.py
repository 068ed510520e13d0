"""What lies outside the warehouse, read strictly with DuckDB whatever the engine is."""
