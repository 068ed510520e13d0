"""The reference project, copied and applied once for all tests that look at it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlspec.apply.events import Event
from mlspec.session import Session

SPECS = Path(__file__).parents[2] / "specs"


def copied(target: Path) -> Path:
    """A fresh copy of the reference project, with nothing applied."""
    shutil.copytree(SPECS, target, ignore=shutil.ignore_patterns(".mlspec", "deploy", "__pycache__"))
    return target


@pytest.fixture(scope="session")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project after `apply`; tests that change it copy it first."""
    pytest.importorskip("sklearn", reason="the model of the reference project needs scikit-learn")
    root = copied(tmp_path_factory.mktemp("flights") / "specs")
    events: list[Event] = []
    with Session(root) as session:
        applied = session.apply(session.plan(), on_event=events.append)
    assert applied.ok, applied.failed
    (root.parent / "events.txt").write_text("\n".join(map(str, events)), "utf-8")
    yield root
    shutil.rmtree(root)
