"""State stores, a file each, found by file name."""
