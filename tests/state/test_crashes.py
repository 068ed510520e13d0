"""Whatever breaks an apply off, the next one converges, with nothing lost and nothing there twice.

These are a part of what `tests/bench/crashes.py` tries: as much as every change can wait for. `MLSPEC_CRASHES=all` tries it all.
"""

import os
import random

import pytest
from crashes import Trial

ALL = os.environ.get("MLSPEC_CRASHES") == "all"
STORES = ["file", "postgres", "s3"]


@pytest.fixture(params=STORES)
def trial(request, tmp_path):
    made = Trial(request.param, tmp_path / "p")
    made.converge()
    yield made
    if made.proxy:
        made.proxy.close()


def settled(trial: Trial) -> None:
    trial.converge()
    trial.check()
    trial.next()


def test_an_apply_that_ends_at_a_step(trial):
    """At places spread over the whole apply, a different one each time; in all, every one of them is met."""
    trial.next()
    step = 1 if ALL else 17
    place, last = (random.Random(trial.name).randrange(step)), 0
    while trial.crash(place):
        last = place
        settled(trial)
        place += step
    assert last > 20
    settled(trial)


def test_a_process_that_ends_at_a_step(trial):
    met = 0
    for place in range(1, 60, 1) if ALL else (9, 33):
        trial.next()
        met += trial.exit(place)
        settled(trial)
    assert met


def test_a_process_that_is_killed_at_any_moment(trial):
    """Where the moment comes after the end of the apply, another one is tried."""
    dice, met, wanted = random.Random(trial.name), 0, 20 if ALL else 2
    for _ in range(10 * wanted):
        trial.next()
        met += trial.kill(dice)
        settled(trial)
        if met == wanted:
            break
    assert met == wanted


@pytest.mark.parametrize("mode", ["cut", "hang"])
@pytest.mark.parametrize("trial", STORES[1:], indirect=True)
def test_a_line_that_is_cut(trial, mode):
    dice = random.Random(trial.name + mode)
    met = 0
    for _ in range(25 if ALL else 3):
        trial.next()
        met += trial.cut(mode, dice.randrange(200, 40_000))
        settled(trial)
    assert met
