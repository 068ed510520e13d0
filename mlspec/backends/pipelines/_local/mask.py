"""Keeps the values of secrets out of what is logged."""

import json
import re
from collections.abc import Iterable

HIDDEN = b"***"
_SHORTEST_LINE = 4


class Mask:
    """Replaces secrets in a stream of bytes, also where one is spread over several pieces.

    A secret of several lines is hidden line by line too, and as it looks inside JSON.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        hidden = {form.encode(errors="surrogateescape") for secret in secrets for form in _forms(secret)} - {b""}
        self._hidden = sorted(hidden, key=lambda form: (-len(form), form))
        self._pattern = re.compile(b"|".join(re.escape(form) for form in self._hidden))
        self._rest = b""

    def feed(self, piece: bytes) -> bytes:
        """Take in a piece; what could still be the beginning of a secret is kept back."""
        if not self._hidden:
            return piece
        text = self._rest + piece
        end = len(text) - self._open(text)
        found = []
        at = 0
        for match in self._pattern.finditer(text):
            if match.start() >= end:
                break
            found += [text[at : match.start()], HIDDEN]
            at = match.end()
        end = max(at, end)
        self._rest = text[end:]
        return b"".join([*found, text[at:end]])

    def flush(self) -> bytes:
        """Give what was kept back: the stream is over."""
        rest, self._rest = self._rest, b""
        return self._pattern.sub(HIDDEN, rest) if self._hidden else rest

    def _open(self, text: bytes) -> int:
        """Count the bytes at the end that could be the beginning of a secret."""
        longest = min(len(self._hidden[0]) - 1, len(text))
        ends = range(longest, 0, -1)
        return next((n for n in ends if any(form.startswith(text[-n:]) and len(form) > n for form in self._hidden)), 0)


def _forms(secret: str) -> Iterable[str]:
    yield secret
    yield secret.strip()
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield from (line for line in secret.splitlines() if len(line) >= _SHORTEST_LINE)
