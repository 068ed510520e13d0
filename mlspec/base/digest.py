"""Digests of values: equal meaning gives an equal digest on every machine."""

import json
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring as _quoted

try:
    from _blake2 import blake2b  # hashlib has the same one, and loads all of OpenSSL beside it
except ImportError:
    from hashlib import blake2b


def digest(*values: object) -> str:
    """A hex digest (32 digits, BLAKE2b) of JSON values; mappings in any key order are equal, sequences are not."""
    texts: list[str] = []
    for value in values:
        if type(value) is not str:
            text = _TEXT.encode(values)
            break
        texts.append(_quoted(value))
    else:  # texts alone, as most are: what the encoder would say, without making one
        text = f"[{','.join(texts)}]"
    return blake2b(text.encode(), digest_size=16).hexdigest()


def digest_bytes(chunks: Iterable[bytes]) -> str:
    """A hex digest (32 digits, BLAKE2b) of bytes that come in pieces."""
    state = blake2b(digest_size=16)
    for chunk in chunks:
        state.update(chunk)
    return state.hexdigest()


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


_TEXT = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)
