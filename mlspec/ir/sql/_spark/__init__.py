"""Spark's words, by what they are about."""
