"""Secrets never pass the mask, however the stream is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlspec.backends.pipelines._local.mask import Mask

SECRETS = st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3)


@pytest.mark.parametrize("cut", range(1, 10))
def test_a_secret_in_two_pieces_is_hidden(cut: int):
    mask = Mask(["aXaXb", "aXa", "one\ntwo three"])
    text = b"-aXaXb aX-two three aXa"
    assert mask.feed(text[:cut]) + mask.feed(text[cut:]) + mask.flush() == b"-*** aX-*** ***"


@given(SECRETS, st.lists(st.text("abc", max_size=6)))
def test_no_secret_passes(secrets: list[str], pieces: list[str]):
    mask = Mask(secrets)
    shown = b"".join(mask.feed(piece.encode()) for piece in pieces) + mask.flush()
    assert not any(secret.encode() in shown for secret in secrets)


@given(SECRETS, st.lists(st.text("abc", max_size=6)))
def test_how_it_is_cut_makes_no_difference(secrets: list[str], pieces: list[str]):
    piecewise, whole = Mask(secrets), Mask(secrets)
    shown = b"".join(piecewise.feed(piece.encode()) for piece in pieces) + piecewise.flush()
    assert shown == whole.feed("".join(pieces).encode()) + whole.flush()


@given(st.lists(st.binary()))
def test_without_secrets_nothing_changes(pieces: list[bytes]):
    mask = Mask([])
    assert b"".join(map(mask.feed, pieces)) + mask.flush() == b"".join(pieces)
