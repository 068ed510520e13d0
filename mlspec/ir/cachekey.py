"""What decides the outputs of a step: the key under which they are kept, and its parts in words."""

from collections.abc import Mapping

from mlspec.base.digest import digest
from mlspec.ir.workflow import CommandStep, DatasetStep

_SHOWN = 60


def cache_key(step: CommandStep | DatasetStep, parameters: Mapping[str, str], inputs: Mapping[str, str]) -> str:
    """Take the digest of all of it; `inputs` are digests. Of a secret it is the reference, not the value."""
    if isinstance(step, DatasetStep):
        return digest("dataset", step.digest, step.format)
    return digest(
        "command",
        step.command,
        sorted(step.env),
        sorted((name, secret.store, secret.key) for name, secret in step.secrets),
        sorted(parameters.items()),
        sorted(step.code),
        sorted(inputs.items()),
        sorted(step.outputs),
        *([step.image] if step.image else []),
    )


def key_parts(
    step: CommandStep | DatasetStep, parameters: Mapping[str, str], inputs: Mapping[str, str]
) -> dict[str, str]:
    """The same in parts by name, so that two keys can be compared; what is long, or may be nobody's business, as a digest."""
    if isinstance(step, DatasetStep):
        return {"dataset": step.digest, "format": step.format}
    return {
        "command": digest(step.command),
        "outputs": digest(sorted(step.outputs)),
        **({"image": step.image} if step.image else {}),
        **{f"env {name}": digest(value) for name, value in step.env},
        **{f"secret {name}": digest(secret.store, secret.key) for name, secret in step.secrets},
        **{f"parameter {name}": text if len(text) <= _SHOWN else digest(text) for name, text in parameters.items()},
        **{f"code {path}": content for path, content in step.code},
        **{f"input {name}": content for name, content in inputs.items()},
    }


def difference(now: Mapping[str, str], before: Mapping[str, str]) -> tuple[str, ...]:
    """What is not as it was, in words: `code train.py`, `parameter depth (3 -> 4)`, `input rows`."""
    found = []
    for name in dict.fromkeys((*now, *before)):
        if name not in before:
            found.append(f"{_quoted(name)} is new")
        elif name not in now:
            found.append(f"{_quoted(name)} is gone")
        elif now[name] != before[name]:
            shown = f" ({before[name]} -> {now[name]})" if name.startswith(("parameter ", "image")) else ""
            found.append(f"{_quoted(name)} differs{shown}")
    return tuple(found)


def _quoted(name: str) -> str:
    what, _, which = name.partition(" ")
    return f"{what} `{which}`" if which else what
