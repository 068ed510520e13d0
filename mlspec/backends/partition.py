"""A part of a table as an engine tells of it, and which parts it is asked to build."""

from collections.abc import Iterable

from mlspec.base.value import dataclass


@dataclass(frozen=True)
class Partition:
    """A part of a table, from `begins` until before `ends`; times in microseconds since 1970 in UTC.

    `due` says why it would be built: it is `missing`, its input has `changed` or is `gone`, or its
    building was left `unfinished`; empty if it would not be.
    """

    begins: int
    ends: int
    due: str = ""
    rows: int = 0
    built_at: int = 0


@dataclass(frozen=True)
class Wanted:
    """Which partitions are to be built: those due from `first` on until `end`, if these are given; all of these with `anew`.

    `at_once` is how many that lie side by side are built together.
    """

    first: int | None = None
    end: int | None = None
    anew: bool = False
    at_once: int = 30

    def among(self, found: Iterable[Partition]) -> tuple[Partition, ...]:
        """Those that are meant; a partition that a limit cuts is meant as a whole."""
        return tuple(
            p for p in found
            if (p.due or self.anew) and (self.first is None or p.ends > self.first) and (self.end is None or p.begins < self.end)
        )  # fmt: skip
