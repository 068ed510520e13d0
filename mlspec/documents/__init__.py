"""What people wrote: YAML files read with a place for every value, environments laid over them, files of the project."""
