"""The parts of the kind `dataset`: what can be written in one, and whether its features know its labels."""
