"""A published definition as it is run: with the digests of what decides its results, and values of its parameters."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from mlspec.base.address import Address
from mlspec.base.value import replace
from mlspec.ir.desired import DesiredState
from mlspec.ir.workflow import Allowed, CommandStep, DatasetStep, Step, Workflow

TYPES: Mapping[type, str] = {str: "string", bool: "boolean", int: "int64", float: "float64"}
"""From the type of a value to that of a parameter."""


def as_run(
    body: Workflow, desired: DesiredState, content: Callable[[str], str], values: Mapping[str, Any] | None = None
) -> Workflow:
    """The definition, ready to be run; `content` is the digest of a file, `values` take the place of defaults."""
    given = values or {}
    steps: list[Step] = []
    for step in body.steps:
        if isinstance(step, DatasetStep):
            steps.append(replace(step, digest=desired.resources[Address.parse(step.relation)].digest))
        elif isinstance(step, CommandStep):
            steps.append(replace(step, code=tuple((path, content(path)) for path, _ in step.code)))
        else:
            steps.append(step)
    chosen = dict(body.parameters) | {name: json.dumps(value) for name, value in given.items()}
    defaults = {name: Allowed(TYPES[type(json.loads(text))]) for name, text in body.parameters if name in given}
    allowed = tuple(sorted((defaults | dict(body.allowed)).items()))  # a value may look like one of another type
    return replace(body, steps=tuple(steps), parameters=tuple(sorted(chosen.items())), allowed=allowed)
