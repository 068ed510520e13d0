"""The step wrapper: what a container of a pipeline target starts, so that a step there finds what it finds on this machine.

`python -m mlspec.step` needs the standard library only, except for steps that write a dataset or register a model.
"""
