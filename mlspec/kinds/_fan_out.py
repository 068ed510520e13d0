"""A fan-out: a step once for each of several sets of parameters, which are listed, spread out or drawn."""

import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import product
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from mlspec.ir.workflow import FanOut, Mode
from mlspec.kinds._work import Scalar
from mlspec.language.spec import Part
from mlspec.language.words import Bounded, Float, Int, Name, wrong

MOST = 10_000
"""How many items a fan-out may have."""
_DIGITS = 12
"""Significant digits of computed values, so that every machine computes the same."""
_TWO = 2


def _one_of(part: Part, *names: str) -> str:
    found = [n for n in names if getattr(part, n) is not None]
    if len(found) != 1:
        listed = ", ".join(f"`{n}`" for n in names)
        raise wrong("invalid-fan-out", "exactly one of {listed} is needed here", listed=listed)
    return found[0]


def _of(shape: str) -> BeforeValidator:
    """A list of just the numbers that the words name. Raises PydanticCustomError."""
    name, _, words = shape.partition(": ")
    count = words.count(",") + 1

    def judge(value: Any) -> Any:
        if isinstance(value, list | tuple) and len(value) != count:
            raise wrong("invalid-fan-out", "`{name}` needs {words}", name=name, words=words)
        return value

    return BeforeValidator(judge)


class Spread(Part):
    """`range: [first, last, step]`, or `log: [first, last, count]`, evenly spread logarithms; both ends are in."""

    range: Annotated[tuple[Int | Float, Int | Float, Int | Float] | None, _of("range: [first, last, step]")] = None
    log: Annotated[tuple[Int | Float, Int | Float, Int] | None, _of("log: [first, last, count]")] = None

    @model_validator(mode="after")
    def _sound(self) -> "Spread":
        _one_of(self, "range", "log")
        if self.range is not None:
            first, last, step = self.range
            if step == 0 or (last - first) / step < 0:
                raise wrong("invalid-fan-out", "`range: [first, last, step]` never gets from the first to the last")
            if (last - first) / step >= MOST:
                raise wrong("invalid-fan-out", "`range` has more than {most} values", most=MOST)
        if self.log is not None:
            low, high, count = self.log
            if low <= 0 or high <= 0 or not _TWO <= count <= MOST:
                raise wrong(
                    "invalid-fan-out", "`log: [first, last, count]` needs positive ends, and a count of at least 2"
                )
        return self

    def values(self) -> tuple[Any, ...]:
        """The values in order; whole numbers stay whole."""
        if self.range is not None:
            start, end, step = (Decimal(str(n)) for n in self.range)
            found = [start + i * step for i in range(int((end - start) / step) + 1)]
            whole = all(isinstance(n, int) for n in self.range)
            return tuple(int(n) if whole else float(n) for n in found)
        first, last, count = self.log or (1, 1, 2)
        logs = (math.log(first) + i / (count - 1) * (math.log(last) - math.log(first)) for i in range(1, count - 1))
        return (float(first), *(_rounded(math.exp(x)) for x in logs), float(last))


class Drawn(Part):
    """`uniform: [low, high]`, `log_uniform: [low, high]`, or `integers: [low, high]` with both ends."""

    uniform: Annotated[tuple[Int | Float, Int | Float] | None, _of("uniform: [low, high]")] = None
    log_uniform: Annotated[tuple[Int | Float, Int | Float] | None, _of("log_uniform: [low, high]")] = None
    integers: Annotated[tuple[Int, Int] | None, _of("integers: [low, high]")] = None

    @model_validator(mode="after")
    def _sound(self) -> "Drawn":
        name = _one_of(self, "uniform", "log_uniform", "integers")
        low, high = getattr(self, name)
        if low > high or (name == "log_uniform" and low <= 0):
            raise wrong(
                "invalid-fan-out",
                "`{name}: [low, high]`: low must not be above high, nor a logarithm be of 0",
                name=name,
            )
        if not math.isfinite(high - low):
            raise wrong("invalid-fan-out", "`{name}: [low, high]`: low and high are too far apart", name=name)
        return self

    def value(self, share: float) -> Any:
        """The value that a random number in [0, 1) stands for."""
        if self.integers is not None:
            low, high = self.integers
            return min(low + int(share * (high - low + 1)), high)
        if self.log_uniform is not None:
            start, end = (math.log(n) for n in self.log_uniform)
            return _rounded(math.exp(start + share * (end - start)))
        first, last = self.uniform or (0.0, 1.0)
        return _rounded(first + share * (last - first))


class KeepSpec(Part):
    """The item whose metric `best` is the greatest, or with `mode: min` the least, is what later steps get."""

    best: Annotated[str, Field(min_length=1)]
    mode: Mode = Mode.MAX


Listed = Annotated[tuple[Scalar, ...], Field(min_length=1)]


class EachSpec(Part):
    """Every combination (`grid`), the sets that are listed (`sets`), or `count` sets that are drawn (`random`, by `seed`)."""

    grid: Annotated[dict[Name, Listed | Spread], Field(min_length=1)] | None = None
    sets: Annotated[tuple[Annotated[dict[Name, Scalar], Field(min_length=1)], ...], Field(min_length=1)] | None = None
    random: Annotated[dict[Name, Listed | Drawn], Field(min_length=1)] | None = None
    count: Annotated[Bounded, Field(ge=1, le=MOST)] | None = None
    seed: Int | None = None
    parallel: Annotated[Bounded, Field(ge=1, le=MOST)] | None = None
    keep: KeepSpec | None = None

    @model_validator(mode="after")
    def _sound(self) -> "EachSpec":
        how = _one_of(self, "grid", "sets", "random")
        if how == "random" and self.count is None:
            raise wrong("invalid-fan-out", "`random` needs a `count`: how many sets are drawn")
        for name in ("count", "seed") if how != "random" else ():
            if getattr(self, name) is not None:
                raise wrong("invalid-fan-out", "`{name}` means nothing without `random`", name=name)
        if math.prod(len(_listed(axis)) for axis in (self.grid or {}).values()) > MOST:
            raise wrong("invalid-fan-out", "these are more than {most} combinations", most=MOST)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that it sets."""
        return tuple(
            dict.fromkeys(name for item in (self.grid, self.random, *(self.sets or ())) for name in item or ())
        )

    def items(self) -> tuple[Mapping[str, Any], ...]:
        """The sets of parameters in order: of a grid by the names of its parameters, the last of which changes first."""
        if self.sets is not None:
            return self.sets
        if self.grid is not None:
            names = sorted(self.grid)
            return tuple(
                dict(zip(names, values, strict=True)) for values in product(*(_listed(self.grid[n]) for n in names))
            )
        drawn = {n: list(_draw(n, axis, self.seed or 0, self.count or 0)) for n, axis in (self.random or {}).items()}
        return tuple({n: values[i] for n, values in drawn.items()} for i in range(self.count or 0))

    def lower(self) -> FanOut:
        """As backends see it."""
        items = tuple(tuple(sorted((n, json.dumps(v)) for n, v in item.items())) for item in self.items())
        keep = self.keep
        return FanOut(items, self.parallel or 0, keep.best if keep else "", keep.mode if keep else Mode.MAX)


def _listed(axis: Sequence[Any] | Spread) -> Sequence[Any]:
    return axis.values() if isinstance(axis, Spread) else axis


def _draw(name: str, axis: Sequence[Any] | Drawn, seed: int, count: int) -> Iterator[Any]:
    """Each parameter has a stream of its own, so that another one beside it changes nothing."""
    stream = random.Random(f"{seed} {name}")  # noqa: S311 - a draw that can be repeated, nothing secret
    for _ in range(count):
        share = stream.random()
        yield axis.value(share) if isinstance(axis, Drawn) else axis[int(share * len(axis))]


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
