"""Versions that files give by their digest: told whole wherever they go, and no matter of what is trained beside them."""

import json
import shutil

import pytest
import smallest
from small_projects import actions, apply, plan
from test_models import CHAMPION, LIVE, MODEL, told, version, write

from mlspec import session as verbs
from mlspec.base.address import Address
from mlspec.base.diag import Problems
from mlspec.ir.alias import Alias
from mlspec.ir.resource import Resource
from mlspec.ir.service import Rollout, Service
from mlspec.ir.workflow import Workflow
from mlspec.plan.change import Impact
from mlspec.plan.waits import waits_for
from mlspec.session import Session


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """A project that has trained two versions, and them."""
    root = tmp_path_factory.mktemp("pins")
    smallest.write_data(root)
    found = []
    for depth in (3, 6):
        write(root, depth)
        assert apply(root)[2].ok
        found.append(version(root))
    return root, tuple(found)


@pytest.fixture
def root(twice, tmp_path):
    return shutil.copytree(twice[0], tmp_path / "p")


def choose(root, **environment):
    """Other backends in the environment."""
    file = root / "mlspec.yaml"
    said = json.loads(file.read_text())
    said["environments"]["dev"] |= environment
    file.write_text(json.dumps(said))


@pytest.mark.parametrize("way", ["alias", "version"])
def test_the_beginning_of_a_digest_is_told_whole_everywhere(root, twice, tmp_path, way):
    first, models = twice[1][0], tmp_path / "served"

    def pin(text):
        said = {"aliases": {"champion": text}} if way == "alias" else {"model": "big", "version": text}
        write(root, 6, **said)
        choose(root, deploy_target={"type": "kubernetes", "model_uri": str(models), "publish": True})

    pin(first[:8])
    with Session(root) as session:
        planned = session.plan(select=[LIVE])
        text = "".join(planned.artifacts.values())
        assert text == "".join(session.render(select=[LIVE]).values())
        assert text.count(first) >= 3
        assert f"{models}/big/{first}" in text
        assert text.count(first[:8]) == text.count(first)
        assert all(c.version == first for c in planned.plan.changes if c.form in {"alias", "service"})
        assert session.apply(planned, on_event=lambda _: None).ok
        assert session.recorded()[0].records[Address.parse(LIVE)].outputs["version"] == first
    assert [p.name for p in (models / "big").iterdir()] == [first]
    choose(root, deploy_target={"type": "kubernetes", "model_uri": "oci://registry.example/models"})
    with Session(root) as session:
        assert f"registry.example/models/big:{first}" in "".join(session.render(select=[LIVE]).values())
        shown = {line["address"]: line["status"] for line in session.show()}
    assert shown[LIVE] == shown[CHAMPION if way == "alias" else MODEL] == "applied"
    pin(first)
    assert actions(plan(root)) == []  # another spelling is no change


def test_what_was_recorded_with_the_beginning_is_recorded_anew_once(root, twice, monkeypatch):
    first = twice[1][0]
    write(root, 6, aliases={"champion": first[:8]})
    with monkeypatch.context() as before:
        before.setattr(verbs, "settled", lambda compiled, _: compiled)
        assert apply(root)[2].ok
    planned, _, done = apply(root)
    assert {str(c.address): c.impacts for c in planned.changes}[CHAMPION] == (Impact.METADATA,)
    assert done.ok
    assert told(root, "models")[0]["aliases"] == {"champion": first}
    assert actions(plan(root)) == []


def test_a_beginning_that_several_versions_have_is_refused(root, twice):
    first = twice[1][0]
    folder = root / ".mlspec/models/big" / first[:16]
    twin = shutil.copytree(folder, folder.with_name(first[:8] + "0" * 8))
    note = twin / "version.json"
    note.write_text(note.read_text().replace(first, first[:8] + "0" * 24))
    write(root, 6, aliases={"champion": first[:8]})
    with pytest.raises(Problems) as caught:
        plan(root)
    assert {(d.code, d.message) for d in caught.value.diagnostics} == {
        ("unknown-version", f"model `big` has several versions that begin with `{first[:8]}`")
    }


def test_a_pinned_alias_moves_though_the_training_fails(root, twice):
    first, second = twice[1]
    write(root, 5, aliases={"champion": first[:8], "next": "current"})
    assert actions(plan(root, select=[CHAMPION])) == [(CHAMPION, "update")]
    assert MODEL not in dict(actions(plan(root, select=[LIVE])))
    planned, _, done = apply(root)
    assert [str(f.address) for f in done.failed] == [MODEL]
    assert [str(s.address) for s in done.skipped] == ["model.big/next"]
    assert told(root, "models")[0]["aliases"] == {"champion": first}
    assert told(root, "model_versions", "big")[0]["served_by"] == [LIVE]
    live = next(c for c in planned.changes if str(c.address) == LIVE)
    assert {c[0] for c in live.causes} == {CHAMPION}
    assert second != first


def test_a_pinned_alias_does_not_wait_for_what_is_trained_elsewhere(root, twice):
    first = twice[1][0]
    write(root, 4, aliases={"champion": first, "next": "current"}, gate=0.5)
    choose(root, pipeline_target={"type": "argo", "image": "registry.example/steps:1"})
    _, _, done = apply(root)
    assert done.ok, done.failed
    assert [str(w.address) for w in done.waiting] == [MODEL]
    assert [str(s.address) for s in done.skipped] == ["model.big/next"]
    assert told(root, "models")[0]["aliases"] == {"champion": first}
    assert told(root, "model_versions", "big")[0]["served_by"] == [LIVE]


OLD, NEW, OTHER = "a" * 32, "b" * 32, "c" * 32
TEAM, MADE, NAMED, NEXT = (Address.parse(t) for t in ("team.us", "model.m", "model.m/named", "model.m/next"))


@pytest.mark.parametrize(
    ("body", "waits"),
    [
        (Alias("m", "x", NEW), {TEAM, MADE}),
        (Alias("m", "x", NEW, pinned=True), {TEAM, MADE}),
        (Alias("m", "x", NEW[:8], pinned=True), {TEAM, MADE}),
        (Alias("m", "x", OLD, pinned=True), set()),
        (Service("s", "m", NEW), {TEAM, MADE, NAMED, NEXT}),
        (Service("s", "m", OLD, pinned=True), {TEAM, NAMED}),
        (Service("s", "m", OTHER, pinned=True), {TEAM}),
        (Service("s", "m", OLD, rollout=Rollout(shadow_version=NEW), pinned=True), {TEAM, MADE, NAMED, NEXT}),
        (Service("s", "m", NEW, rollout=Rollout(canary_version=OLD)), {TEAM, MADE, NAMED, NEXT}),
    ],
)
def test_the_training_is_waited_for_by_what_names_the_version_that_it_makes(body, waits):
    parents = (TEAM, MADE, *((NAMED, NEXT) if isinstance(body, Service) else ()))
    resource = Resource(Address.parse("deployment.s"), body, parents=parents)
    made = Workflow("m", (), run_on_apply=True, version=NEW)
    beside = {MADE: made, NAMED: Alias("m", "named", OLD, pinned=True), NEXT: Alias("m", "next", NEW)}
    assert set(waits_for(resource, {a: Resource(a, b) for a, b in beside.items()})) == waits


def test_a_deployment_that_was_left_behind_says_its_version_again(root, twice):
    first, second = twice[1]
    write(root, 6, aliases={"champion": first})
    (manifest,) = root.glob("deploy/*/live/deployment.yaml")
    kept = manifest.read_text()
    manifest.write_text("mine\n")
    assert [f.code for f in apply(root)[2].failed] == ["file-in-the-way"]
    manifest.write_text(kept)
    for more in ({}, {"replicas": 2}):
        write(root, 6, aliases={"champion": first}, **more)
        (change,) = plan(root).changes
        fields = {f.path: (f.before, f.after) for f in change.fields}
        assert fields[("version",)] == (second, first)
        assert (("replicas",) in fields) == bool(more)
