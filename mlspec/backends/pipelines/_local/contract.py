"""What a step sees: the environment variables by which it gets its parameters, paths and secrets."""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from mlspec.backends.port import BackendError
from mlspec.ir.given import as_text
from mlspec.ir.workflow import CommandStep, Workflow

INHERITED = ("HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
"""With `PYTHON*`, all that a step inherits. `PATH` begins with the folder of the interpreter that runs mlspec."""


def read_secrets(workflow: Workflow) -> dict[str, str]:
    """Read the values of all secrets of a workflow, by key. Raises BackendError naming all that are missing."""
    needed = [
        (step.name, secret.key)
        for step in workflow.steps
        if isinstance(step, CommandStep)
        for _, secret in step.secrets
    ]
    if missing := sorted({(key, step) for step, key in needed if not os.environ.get(key)}):
        listed = ", ".join(f"`{key}` (step `{step}`)" for key, step in missing)
        names = " ".join(sorted({key for key, _ in missing}))
        raise BackendError(
            f"workflow `{workflow.name}` needs secrets that the environment does not hold: {listed}",
            f"set {names} in the environment in which mlspec runs",
            "secret-missing",
        )
    return {key: os.environ[key] for _, key in needed}


def environment(
    step: CommandStep,
    parameters: Mapping[str, str],
    inputs: Mapping[str, Path],
    outputs: Mapping[str, Path],
    secrets: Mapping[str, str],
    mark: str,
    inherit: Iterable[str] = (),
) -> dict[str, str]:
    """Put together all variables of a step; the contract's own win over those of the step, those over inherited ones.

    By `mark` the processes of a run are found, wherever they went.
    """
    own = dict(step.env) | {name: secrets[secret.key] for name, secret in step.secrets}
    contract = {
        "MLSPEC_GUARD": mark,
        **{f"MLSPEC_PARAM_{name.upper()}": as_text(value) for name, value in parameters.items()},
        **{f"MLSPEC_INPUT_{name.upper()}": str(path) for name, path in inputs.items()},
        **{f"MLSPEC_OUTPUT_{name.upper()}": str(path) for name, path in outputs.items()},
    }
    found = _inherited(inherit) | own | contract
    here = str(Path(sys.executable).parent)
    return found | {"PATH": os.pathsep.join((here, found.get("PATH") or os.defpath))}


def _inherited(further: Iterable[str]) -> dict[str, str]:
    names = {"PATH", *INHERITED, *further}
    found = {name: value for name, value in os.environ.items() if name in names or name.startswith("PYTHON")}
    if sys.prefix != sys.base_prefix:
        found["VIRTUAL_ENV"] = sys.prefix
    return {"PYTHONUNBUFFERED": "1"} | found
