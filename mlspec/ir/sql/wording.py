"""The words of a meaning: how the text of a node is put together of those of its parts."""

from collections.abc import Iterable, Mapping

from mlspec.base.digest import digest

_LONGEST = 400
"""A text that is longer is told by its digest, so that what is read twice in each of many steps stays short."""


def named(key: str, pairs: Mapping[str, str]) -> str:
    """A node by the name of its class, with its parts by theirs."""
    return short(f"{key}({','.join(f'{k}={v}' for k, v in sorted(pairs.items()))})")


def all_of(key: str, parts: Iterable[str]) -> str:
    """Conditions of which all, or any, must hold, each once, in an order of their own."""
    found = sorted(set(parts))
    return found[0] if len(found) == 1 else short(f"{key}({','.join(found)})")


def short(text: str) -> str:
    """The text, or its digest if it is long."""
    return text if len(text) <= _LONGEST else f"#{digest(text)}"
