"""The ground: addresses, diagnostics, graphs, digests and the registry; it knows neither ML nor YAML nor SQL."""
