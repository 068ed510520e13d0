"""The parts of the DuckDB engine."""
