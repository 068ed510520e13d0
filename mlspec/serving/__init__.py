"""Serves a model version over HTTP with the Open Inference Protocol, version 2."""
