"""Pipeline targets, a file each, found by file name."""
