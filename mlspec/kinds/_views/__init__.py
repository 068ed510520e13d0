"""The parts of the kind `feature_view`: what can be written in one, and the rows of each of its four shapes."""
