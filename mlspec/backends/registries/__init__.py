"""Model registries, a file each, found by file name."""
