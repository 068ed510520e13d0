"""Engines to ask, a file each: `opened()` answers an `Asked`, or skips and says what is missing."""
