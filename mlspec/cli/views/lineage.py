"""Lineage as a tree, and as a Mermaid graph."""

from collections.abc import Iterator, Mapping, Sequence

Pairs = Sequence[tuple[str, str]]
"""From what is read to who reads it."""


def as_tree(what: str, edges: Pairs, *, downstream: bool) -> str:
    """What it comes from, or who uses it, each indented below its neighbour; what was shown above is not repeated."""
    if not edges:
        return f"{what}\n  ({'nothing uses it' if downstream else 'it comes from nothing else'})"
    below: dict[str, list[str]] = {}
    for source, target in edges:
        near, far = (source, target) if downstream else (target, source)
        below.setdefault(near, [])
        if far not in below[near]:
            below[near].append(far)
    roots = [n for n in below if n == what or n.startswith((f"{what}.", f"{what}/"))] or [what]
    shown: set[str] = set()
    lines = [line for root in roots if root not in shown for line in (root, *_branches(root, below, shown, ""))]
    return "\n".join(lines)


def _branches(node: str, below: Mapping[str, Sequence[str]], shown: set[str], margin: str) -> Iterator[str]:
    shown.add(node)
    children = below.get(node, [])
    for child in children:
        last = child == children[-1]
        repeated = child in shown and child in below
        yield f"{margin}{'└─' if last else '├─'} {child}{' (see above)' if repeated else ''}"
        if not repeated:
            yield from _branches(child, below, shown, margin + ("   " if last else "│  "))


def as_mermaid(edges: Pairs) -> str:
    """A flowchart from left to right."""
    nodes = list(dict.fromkeys(n for edge in edges for n in edge))
    number = {n: i for i, n in enumerate(nodes)}
    lines = [f'  n{i}["{_label(n)}"]' for n, i in number.items()]
    lines.extend(f"  n{number[s]} --> n{number[t]}" for s, t in dict.fromkeys(edges))
    return "\n".join(["flowchart LR", *lines])


def _label(text: str) -> str:
    return text.replace('"', "#quot;").replace("<", "#lt;")
