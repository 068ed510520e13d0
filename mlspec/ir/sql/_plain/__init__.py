"""Queries of the plain kind, understood in one walk: what most queries are is not worth a parser for everything."""
