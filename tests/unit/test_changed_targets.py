"""A target that is changed, or given other options, is a change of all that it has made; what it rendered is no spec."""

from pathlib import Path

import pytest
import smallest
from small_projects import actions, apply, plan, write_project

from mlspec.base.diag import Problems
from mlspec.session import Session
from mlspec.state.journal import Put
from mlspec.state.model import Record

PIPELINE = {"kind": "pipeline", "name": "nightly", "steps": {"a": {"command": "true"}}}
TARGETS = {
    "argo": {"type": "argo", "image": "i:1"},
    "kubeflow": {"type": "kubeflow", "image": "i:1"},
    "airflow": {"type": "airflow", "image": "i:1", "store_claim": "c"},
    "local": {"type": "local"},
}


def rendered(root: Path) -> list[str]:
    return sorted(
        p.relative_to(root).as_posix()
        for p in root.rglob("*")
        if p.is_file() and b"Rendered by mlspec" in p.read_bytes()[:40]
    )


def written(root: Path, target: dict, *documents: dict) -> Path:
    return write_project(root, [PIPELINE, *documents], pipeline_target=target)


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_rendered_is_no_spec_and_nothing_is_left_to_do(tmp_path, name):
    root = written(tmp_path, TARGETS[name])
    assert apply(root)[2].ok
    assert bool(rendered(root)) is (name != "local")
    for refresh in (True, False):
        assert actions(plan(root, refresh=refresh)) == []


@pytest.mark.parametrize("name", ["argo", "kubeflow", "airflow"])
def test_other_options_are_an_update(tmp_path, name):
    root = written(tmp_path, TARGETS[name])
    assert apply(root)[2].ok
    before = rendered(root)
    written(root, {**TARGETS[name], "image": "i:2", "path": "elsewhere"})
    (change,) = plan(root).changes
    assert (change.action.word, change.reason) == ("update", "target_changed")
    assert apply(root)[2].ok
    now = rendered(root)
    assert [p.replace("elsewhere/", "pipelines/") for p in now] == before, "the old ones are gone"
    assert all("i:1" not in (root / p).read_text() for p in now)
    assert actions(plan(root)) == []


@pytest.mark.parametrize(
    ("first", "second"), [("argo", "local"), ("local", "argo"), ("argo", "kubeflow"), ("airflow", "argo")]
)
def test_another_target_takes_over_what_is_only_written(tmp_path, first, second):
    root = written(tmp_path, TARGETS[first])
    assert apply(root)[2].ok
    before = rendered(root)
    written(root, TARGETS[second])
    with Session(root) as session:
        assert session.drift().drift == ()
    assert [c.reason for c in plan(root).changes] == ["target_changed"]
    assert apply(root)[2].ok
    assert not set(before) & set(rendered(root))
    assert bool(rendered(root)) is (second != "local")
    assert actions(plan(root)) == []
    assert apply(root, destroy=True)[2].ok
    assert rendered(root) == []


def test_what_another_target_has_made_is_taken_away_when_it_is_only_written(tmp_path):
    root = written(tmp_path, TARGETS["argo"])
    assert apply(root)[2].ok
    written(root, TARGETS["local"])
    assert apply(root, destroy=True)[2].ok
    assert rendered(root) == []


def test_what_runs_is_not_left_behind(tmp_path):
    """A server on this machine, and an environment that has chosen manifests."""
    documents = smallest.documents("deployment")
    smallest.write_data(tmp_path)
    smallest.write_blocks(tmp_path, documents, deploy_target="kubernetes")
    assert apply(tmp_path)[2].ok
    with Session(tmp_path) as session:
        state = session.ledger.state()
        (record,) = [r for r in state if r.form == "service"]
        with session.ledger.run("state push", ("*",), about={}) as run:
            served = {**vars(record), "backend": "deploys.local", "outputs": {"path": "x", "port": 1}}
            run.end("applied", (Put(Record(**served), "update"),))
    with pytest.raises(Problems) as caught:
        plan(tmp_path)
    assert [d.code for d in caught.value.diagnostics] == ["other-target"]
    assert "`mlspec destroy --select deployment.live`" in caught.value.diagnostics[0].help


def test_a_deployment_is_written_anew_for_other_options(tmp_path):
    smallest.write_data(tmp_path)
    target = {"type": "kubernetes", "namespace": "one"}
    smallest.write_blocks(tmp_path, smallest.documents("deployment"), deploy_target=target)
    assert apply(tmp_path)[2].ok
    smallest.write_blocks(tmp_path, smallest.documents("deployment"), deploy_target={**target, "namespace": "two"})
    (change,) = plan(tmp_path).changes
    assert (str(change.address), change.reason, [c.value for c in change.consequences]) == (
        "deployment.live",
        "target_changed",
        ["redeploy"],
    )
    assert apply(tmp_path)[2].ok
    texts = [(tmp_path / p).read_text() for p in rendered(tmp_path) if "kustomization" not in p]
    assert any("namespace: two" in t for t in texts)
    assert not any("namespace: one" in t for t in texts)
    assert actions(plan(tmp_path)) == []


def test_a_model_is_the_registrys_wherever_it_was_trained(tmp_path):
    """Another pipeline target trains nothing again, and does not hide that a version is lost."""
    documents = [*smallest.documents("model")]
    smallest.write_data(tmp_path)
    smallest.write_blocks(tmp_path, documents)
    assert apply(tmp_path)[2].ok
    smallest.write_blocks(tmp_path, documents, pipeline_target=TARGETS["argo"])
    assert "model.big" not in {a for a, _ in actions(plan(tmp_path))}
    with Session(tmp_path) as session:
        session.backends.registry.remove("big")
    with Session(tmp_path) as session:
        assert "model.big" in {str(d.address) for d in session.drift().drift}
