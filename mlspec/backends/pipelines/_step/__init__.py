"""A step as the wrapper in a container gets it; standard library only."""
