"""The parts of a source."""
