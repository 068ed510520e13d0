"""What a plan leaves alone, whom it would break, and how much it does: lines for every shape of it."""

from collections.abc import Iterator, Sequence

from mlspec.cli.views import reasons
from mlspec.cli.views.reasons import Json
from mlspec.cli.views.values import count, size, some

_NAMED = 6
_LOST = {"removed": "is removed", "renamed": "is renamed to `{after}`", "retyped": "becomes `{after}`"}


def estimate(found: Json) -> str:
    """`now 14 rows, 560 B in 3 partitions; 2 to be built`, or what it reads."""
    return f"{'reads' if found.get('reads') else 'now'} {_size(found)}"


def _size(found: Json) -> str:
    rows = count(found["rows"], "row")
    said = f"{rows}, {size(found['bytes'])}" if found["bytes"] else rows
    if parts := found.get("partitions"):
        said += f" in {count(parts, 'partition')}"
    return said if found.get("due") is None else f"{said}; {found['due']} to be built"


def totals(changes: Sequence[Json], *, full: bool = False) -> dict[str, str]:
    """For each consequence how much there is of it now, as far as the engine knows."""
    found = {}
    for name, addresses in reasons.consequences(changes).items():
        every = [c["estimate"] for c in changes if c["address"] in set(addresses) and c["estimate"]]
        sizes = [estimate(e) for e in (_sum(every, reads=False), _sum(every, reads=True)) if e]
        found[name] = some(addresses, 0 if full else _NAMED) + (
            f" ({', '.join(sizes)})" if sizes and name in {"backfill", "retrain"} else ""
        )
    return found


def _sum(every: Sequence[Json], *, reads: bool) -> Json:
    some_ = [e for e in every if bool(e.get("reads")) is reads]
    return (
        {"rows": sum(e["rows"] for e in some_), "bytes": sum(e["bytes"] for e in some_), "reads": reads}
        if some_
        else {}
    )


def lines(plan: Json, *, full: bool = False) -> list[str]:
    """What is not done, each with why."""
    found = list(_single(plan))
    others = [u["address"] for u in plan["untouched"] if u["code"] == "other_columns"]
    if others:
        found.append(f"{some(others, 0 if full else _NAMED)}: unchanged, for they read other columns of what changes")
    return found


def _single(plan: Json) -> Iterator[str]:
    for one in plan["untouched"]:
        version = f" {one['version'][:8]}" if one["version"] else ""
        match one["code"]:
            case "same_version":
                only = " and ".join(f"`{d}`" for d in one["details"]) or "what does not decide it"
                yield f"{one['address']} keeps version{version}: only {only} changed, nothing is trained"
            case "pinned":
                yield f"{one['address']} goes on serving{version}: it is pinned to it"
            case "not_selected":
                yield f"{one['address']} goes on serving{version} until it is selected"


def breaking(plan: Json) -> list[str]:
    """What live deployments read and lose, and what is done about it."""
    found = []
    for one in plan["breaking"]:
        lost = _LOST[one["change"]].format(**one)
        done = "after it has moved" if one["moves"] else "though it does not move (allowed)"
        found.append(f"{one['deployment']} reads {one['address']}.{one['column']}, which {lost} {done}")
    return found
