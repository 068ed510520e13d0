"""Whether a dataset could be made again, and what differs."""

from mlspec.verify import Difference, Verified

_SHORT = 12


def told(found: Verified) -> str:
    """A line that says it, and one for each difference."""
    if found.reproducible:
        lines = [f"`{found.dataset}` could be made again now: nothing differs from its certificate ({found.version})."]
    else:
        lines = [f"`{found.dataset}` would be another one if it were made now:"]
    lines += [_line(d) for d in found.differences]
    lines += [f"  note: {d.what} was {d.then}, is {d.now}" for d in found.notes]
    return "\n".join(lines)


def _line(one: Difference) -> str:
    return f"  {one.what} {one.of}: was {_cut(one.then)}, is {_cut(one.now)}"


def _cut(text: str) -> str:
    """Digests are told apart by their beginning."""
    return text[:_SHORT] if len(text) > 2 * _SHORT and " " not in text else text
