"""The catalogue of the language: one file a kind, found by its name."""
