"""Which fields of the author's words differ; the only door to deepdiff, opened only where digests differ."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlspec.plan.change import FieldChange


def field_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], costs: Mapping[str, str]
) -> tuple[FieldChange, ...]:
    """The fields that differ, by path; lists of named things are compared by name, not by position."""
    found: list[FieldChange] = []
    for key in sorted({*before, *after}):
        old, new = _keyed(before.get(key)), _keyed(after.get(key))
        if old != new:
            found.extend(FieldChange((key, *path), b, a, costs.get(key, "")) for path, b, a in _differences(old, new))
    return tuple(found)


def _keyed(value: Any) -> Any:
    """Lists of mappings that each have a `name` of their own become mappings by name."""
    if isinstance(value, Mapping):
        return {str(k): _keyed(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        names = [v.get("name") for v in value if isinstance(v, Mapping)]
        if value and len(names) == len(value) and all(names) and len(set(names)) == len(names):
            return {str(v["name"]): {k: _keyed(x) for k, x in v.items() if k != "name"} for v in value}
        return [_keyed(v) for v in value]
    return value


def _differences(before: Any, after: Any) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    if not (isinstance(before, dict) and isinstance(after, dict)) and not (
        isinstance(before, list) and isinstance(after, list)
    ):
        yield (), before, after
        return
    import deepdiff  # noqa: PLC0415 - half a second that an unchanged plan does not pay

    tree = deepdiff.DeepDiff(before, after, view="tree", threshold_to_diff_deeper=0)
    rows = []
    for level in (item for group in tree.values() for item in group):
        path = tuple(str(p) for p in level.path(output_format="list"))
        old = None if type(level.t1).__name__ == "NotPresent" else level.t1
        new = None if type(level.t2).__name__ == "NotPresent" else level.t2
        rows.append((path, old, new))
    yield from sorted(rows, key=lambda r: r[0])
