"""The SQL algebra, once, on sqlglot trees in the canonical dialect (DuckDB's)."""
