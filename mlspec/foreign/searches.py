"""Tasks of a valohai.yaml: the `each` of whoever runs a step many times."""

import math
from collections.abc import Mapping
from typing import Any

from mlspec.base.value import dataclass
from mlspec.foreign.numbers import Number, number, whole
from mlspec.foreign.reading import Fields
from mlspec.foreign.steps import Known

_MOST = 10_000
"""How many values a parameter may have, and how many sets there may be."""
_DRAWS = {"uniform": "uniform", "loguniform": "log_uniform"}


def each_of(task: Fields, known: Known) -> dict[str, Any]:
    """What a task does with a step, as `each`; empty where that cannot be said."""
    kind = task.text("type").lower().replace("-", "_") or "grid_search"
    found: dict[str, Any] = {}
    axes = {p.text("name"): p for p in task.parts("parameters")}
    for name in axes:
        known.numbered(name, task)
    if kind == "manual_search" and ("parameter-sets" in task.data or not axes):
        found["sets"] = _sets(task, known)
    elif kind == "random_search":
        found = {
            "random": {known.parameters.of(n): _drawn(p) for n, p in axes.items()},
            "count": whole(task, "execution-count", task.take("execution-count"), 1, _MOST) or 1,
        }
    elif kind in {"grid_search", "manual_search"}:
        found["grid"] = {known.parameters.of(n): _listed(p) for n, p in axes.items()}
    else:
        task.say(f"a task of type `{kind}` has no counterpart", "type", "a `random` search with a `seed` can be said")
        return {}
    if (batch := whole(task, "execution-batch-size", task.take("execution-batch-size"), 1, _MOST)) is not None:
        found["parallel"] = batch
    for axis in axes.values():
        axis.taken.add("rules")
        axis.leave("a parameter of a task")
    return found


def _sets(task: Fields, known: Known) -> list[dict[str, Any]]:
    sets = task.take("parameter-sets", [])
    found = []
    for one in sets if isinstance(sets, list) else ():
        if isinstance(one, dict) and all(_scalar(v) for v in one.values()):
            found.append({known.parameters.of(str(n)): v for n, v in one.items()})
        else:
            task.say(f"the set `{str(one)[:80]}` is not read", "parameter-sets")
    return found


@dataclass(frozen=True)
class _Axis:
    """The rules of one parameter: numbers are read here and nowhere else; what is none leaves the axis unread."""

    fields: Fields
    style: str
    rules: Any

    def numbers(self, *names: str, **otherwise: Number) -> tuple[Number, ...] | None:
        """The numbers under these names, in order; None where one is missing or no finite number."""
        rules = self.rules if isinstance(self.rules, Mapping) else {}
        found = [number(rules.get(n, otherwise.get(n))) for n in names]
        read = tuple(n for n in found if n is not None)
        return read if len(read) == len(names) else None

    def unread(self) -> list[Any]:
        """What stands for an axis that cannot be read, which is told."""
        self.fields.say(
            f"the values of style `{self.style}` are not read: `0` stands for them",
            "rules",
            "write them as a list in `grid`; numbers there are finite",
        )
        return [0]


def _axis(one: Fields, style: str) -> _Axis:
    return _Axis(one, one.text("style") or style, one.take("rules", {}))


def _listed(one: Fields) -> Any:
    """The values of a parameter of a grid: a list, or a `range`."""
    axis = _axis(one, "multiple")
    if axis.style == "linear" and (ends := _linear(axis)):
        return {"range": list(ends)}
    return _values(axis)


def _values(axis: _Axis) -> list[Any]:
    match axis.style, axis.rules:
        case "linear", _ if ends := _linear(axis):
            first, last, step = ends
            return [_rounded(first + i * step) for i in range(math.floor((last - first) / step + 1e-9) + 1)]
        case "logspace", _:
            return _logs(axis) or axis.unread()
        case "single", {"value": value} if _scalar(value):
            return [value]
        case _, ({"items": list(values)} | list(values)) if values and all(_scalar(v) for v in values):
            return values
    return axis.unread()


def _linear(axis: _Axis) -> tuple[Number, ...] | None:
    """First, last and step, where these end; None otherwise."""
    ends = axis.numbers("start", "end", "step", step=1)
    if ends is None or ends[2] == 0:
        return None
    return ends if 0 <= (ends[1] - ends[0]) / ends[2] < _MOST else None


def _logs(axis: _Axis) -> list[float]:
    count = "count" if isinstance(axis.rules, Mapping) and "count" in axis.rules else "step"
    read = axis.numbers("start", "end", count, "base", base=10)
    if read is None:
        return []
    first, last, many, base = read
    if base <= 0 or many != int(many) or not 1 <= many <= _MOST:
        return []
    width = (last - first) / max(many - 1, 1)
    try:
        return [float(_rounded(float(base) ** (first + i * width))) for i in range(int(many))]
    except OverflowError:
        return []


def _drawn(one: Fields) -> Any:
    """What the values of a parameter are drawn from: bounds, or a list."""
    axis = _axis(one, "random")
    if axis.style != "random" or not isinstance(axis.rules, Mapping):
        return _values(axis)
    ends = axis.numbers("min", "max")
    by = str(axis.rules.get("distribution") or "uniform").lower()
    if by not in _DRAWS or axis.rules.get("seed") is not None:
        one.say(
            "of a draw, only its bounds and `uniform` or `log_uniform` are taken over",
            "rules",
            "the `seed` is one for the whole search",
        )
    if (
        ends is None
        or ends[0] > ends[1]
        or (by == "loguniform" and ends[0] <= 0)
        or not math.isfinite(ends[1] - ends[0])
    ):
        return _values(axis)
    integers = all(isinstance(n, int) for n in ends) and axis.rules.get("integerify")
    return {"integers" if integers else _DRAWS.get(by, "uniform"): list(ends)}


def _scalar(value: Any) -> bool:
    """Whether a value can be one of a parameter."""
    return isinstance(value, str | bool) or number(value) is not None


def _rounded(value: Number) -> Number:
    """Without the noise of computing: twelve digits of what is not whole."""
    return value if isinstance(value, int) else float(f"{value:.12g}")
