"""Rows from outside that ask for features: how queries name them, and the number that keeps their order."""

SPINE = "spine.asked"
"""The address under which a query reads the rows that ask."""

NUMBER = "__number"
"""Their number, from 0: answers come back in its order, one for each."""
