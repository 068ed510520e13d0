"""Training by hand: on what was applied, and only on that."""

from pathlib import Path

import pytest
from small_projects import write_project

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
    code = tmp_path / "p" / "code" / "train.py"
    code.write_text(code.read_text("utf-8") + "# other code\n", "utf-8")
    said: list[str] = []
    with Session(tmp_path / "p") as session:
        other = session.run(str(model), on_event=lambda event: said.append(str(getattr(event, "line", ""))))
        assert other.version != ran.version
    assert said[0].startswith("has changed since it was applied: it is trained as the files describe it now")


def test_what_has_changed_since_it_was_applied_is_said(tmp_path: Path) -> None:
    pipeline = {"kind": "pipeline", "name": "p", "steps": {"a": {"command": "true"}}}
    write_project(tmp_path, [pipeline])
    with Session(tmp_path) as session:
        with pytest.raises(Problems, match=r"`pipeline\.p` has not been applied"):
            session.run("pipeline.p", on_event=lambda event: None)
        assert session.apply(session.plan(), on_event=lambda event: None).ok
    write_project(tmp_path, [{**pipeline, "steps": {"a": {"command": "echo"}}}])
    with Session(tmp_path) as session, pytest.raises(Problems, match=r"`pipeline\.p` has changed since it was applied"):
        session.run("pipeline.p", on_event=lambda event: None)
