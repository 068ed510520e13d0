"""Contenders that answer one question, one after the other and again; what each cost, and ratios to one of them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from measure import Cost, differences

Contender = Callable[[Path], Cost]
"""Writes its answer to a path and says what it cost."""


@dataclass
class Entry:
    """What became of one contender. `differs` counts rows unlike the first one's; None where there is no answer."""

    name: str
    costs: list[Cost] = field(default_factory=list)
    differs: int | None = None

    @property
    def best(self) -> Cost:
        """Its cheapest run by seconds of the processor: what the others did meanwhile is not its fault."""
        return min(self.costs, key=lambda c: (bool(c.error), c.processor))


def hold(contenders: Mapping[str, Contender], folder: Path, repeat: int, *, part: Sequence[str] = ()) -> list[Entry]:
    """All contenders in turn, `repeat` times; those in `part` answer some rows only, and once."""
    entries = [Entry(name) for name in contenders]
    for turn in range(repeat):
        for entry in entries:
            if turn and (entry.name in part or entry.best.error):
                continue
            answer = folder / f"answer_{entry.name}.parquet"
            answer.unlink(missing_ok=True)
            entry.costs.append(contenders[entry.name](answer))
    answered = [e for e in entries if (folder / f"answer_{e.name}.parquet").exists()]
    whole = [e for e in answered if e.name not in part]
    for entry in answered:
        mine, first = (folder / f"answer_{e.name}.parquet" for e in (entry, whole[0]))
        one, other = (mine, first) if entry.name in part else (first, mine)
        entry.differs = differences(one, other, part=entry.name in part)
    return entries


def told(entries: Sequence[Entry], title: str, form: str, measure: str = "mlspec") -> str:
    """A table for people, or JSON; ratios are to the contender `measure`: above one is dearer than it."""
    base = next((e.best for e in entries if e.name == measure), None)
    rows = [_row(e, base) for e in entries]
    if form == "json":
        return json.dumps({"title": title, "contenders": [r | {"runs": [asdict(c) for c in e.costs]} for r, e in zip(rows, entries, strict=True)]}, indent=1)  # fmt: skip
    width = max(len(e.name) for e in entries)
    head = f"{'':{width}}  {'wall s':>8} {'CPU s':>8} {'x wall':>6} {'x CPU':>6} {'MB':>7} {'disk MB':>7} {'rows':>10}  unlike"
    lines = [f"{title}; ratios to {measure}", head]
    for row, entry in zip(rows, entries, strict=True):
        best = entry.best
        if best.error:
            lines.append(f"{entry.name:{width}}  {best.error}")
            continue
        ratios = " ".join(f"{row[n]:6.2f}" if row[n] else f"{'':6}" for n in ("times_wall", "times_processor"))
        unlike = "" if entry.differs is None else f"{entry.differs:,}"
        lines.append(f"{entry.name:{width}}  {best.wall:8.2f} {best.processor:8.2f} {ratios} {best.memory:7,} {best.spilled:7,} {best.rows:10,}  {unlike}")  # fmt: skip
    return "\n".join(lines)


def _row(entry: Entry, base: Cost | None) -> dict[str, object]:
    best = entry.best
    known = base is not None and not base.error and not best.error
    return {
        "name": entry.name,
        "times_wall": best.wall / base.wall if known and base else None,
        "times_processor": best.processor / base.processor if known and base else None,
        "differs": entry.differs,
    }
