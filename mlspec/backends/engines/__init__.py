"""SQL engines, a file each, found by file name."""
