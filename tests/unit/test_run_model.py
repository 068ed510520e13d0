"""Training by hand: on what was applied, and only on that."""

from pathlib import Path

import pytest

from mlspec.base.diag import Problems
from mlspec.session import Session
from mlspec.starter import write_starter


def test_a_model_is_trained_by_hand(tmp_path: Path) -> None:
    write_starter(tmp_path / "p", "starter")
    with Session(tmp_path / "p") as session:
        [model] = [a for a in session.compiled.gathered.bound if a.kind == "model"]
        with pytest.raises(Problems, match="has not been applied"):
            session.run(str(model), on_event=lambda event: None)
        assert session.apply(session.plan(), on_event=lambda event: None).ok
        ran = session.run(str(model), on_event=lambda event: None)
        assert (ran.kind, bool(ran.version)) == ("model", True)
        assert {s.status for s in ran.steps} == {"cached"}
