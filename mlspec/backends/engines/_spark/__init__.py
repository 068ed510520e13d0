"""The parts of the Spark engine."""
