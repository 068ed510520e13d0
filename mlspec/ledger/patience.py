"""Asks a store again that does not answer, and tells whether a write whose answer was lost took place."""

import time
from collections.abc import Callable
from typing import TypeVar

from mlspec.backends.state_store import Kept, StateStore, Taken, Unreachable

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


def patiently(store: StateStore, ask: Callable[[], T]) -> T:
    """The answer, asked for again with growing pauses while the store is unreachable and its patience lasts."""
    deadline = time.monotonic() + store.patience
    pause = _FIRST_PAUSE
    while True:
        try:
            return ask()
        except Unreachable:
            if time.monotonic() + pause > deadline:
                raise
        import random  # noqa: PLC0415 - start-up time

        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - so that those who were cut off do not come back at once
        pause = min(pause * 2, _LONGEST_PAUSE)


def read(store: StateStore, name: str) -> Kept | None:
    """The text of that name."""
    return patiently(store, lambda: store.read(name))


def write(store: StateStore, name: str, text: str, tag: str | None) -> str:
    """Replace a text; one that is there already, because only the answer was lost, is written. Raises Taken."""
    try:
        return patiently(store, lambda: store.write(name, text, tag))
    except Taken:
        kept = read(store, name)
        if kept is None or kept.text != text:
            raise
        return kept.tag


def append(store: StateStore, last: int, line: str) -> int:
    """Write a line under the next free number after `last`; that number. Written before the answer was lost is written."""
    number = last + 1
    while True:
        try:
            patiently(store, lambda number=number: store.append(number, line))  # type: ignore[misc]
        except Taken:
            later = patiently(store, lambda: store.lines(last))
            mine = [n for n, text in later if text == line]
            if mine:
                return mine[0]
            number = max([number, *(n for n, _ in later)]) + 1
        else:
            return number
