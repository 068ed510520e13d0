"""The steps of an apply, in order, each with what is rendered for it; a function of a plan's JSON and of its artifacts."""

from collections.abc import Iterator, Mapping

from mlspec.cli.views.reasons import Json, does
from mlspec.cli.views.terminal import Look

DEEP = "      "


def as_steps(plan: Json, artifacts: Mapping[str, str], look: Look) -> str:
    """`1. build feature_view.x`, what it waits for, its SQL or its manifests."""
    numbers = {s["key"]: i for i, s in enumerate(plan["steps"], 1)}
    head = look.paint("Apply would do, each step when those that it waits for are done:", "bold")
    return "\n\n".join([head, *("\n".join(_step(s, numbers, artifacts, look)) for s in plan["steps"])])


def _step(step: Json, numbers: Mapping[str, int], artifacts: Mapping[str, str], look: Look) -> Iterator[str]:
    waits = [str(n) for n in sorted(numbers[a] for a in step["after"] if a in numbers)]
    after = look.paint(f"  after {', '.join(waits)}", "dim") if waits else ""
    yield f"{numbers[step['key']]:>3}. {does(step)} {look.paint(step['address'], 'bold')}{after}"
    for path in step["artifacts"]:
        if path in artifacts:
            yield f"{DEEP}{look.paint(path, 'cyan')}"
            yield from (f"{DEEP}  {line}".rstrip() for line in artifacts[path].rstrip("\n").split("\n"))
