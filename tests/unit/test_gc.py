"""What nothing needs is collected, and nothing else: whatever environment, project, deployment or recent plan needs it stays."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest
import smallest
from small_projects import apply, plan, read, write_csv, write_project

from mlspec.backends.engines._warehouse.garbage import unneeded
from mlspec.cli.main import main
from mlspec.session import Session

SOURCE = {"kind": "source", "name": "orders", "files": "orders.csv", "event_time": "at",
          "columns": {"customer": "int64", "amount": "int64", "at": "timestamptz"}}  # fmt: skip
ENTITY = {"kind": "entity", "name": "customer", "keys": {"customer": "int64"}}
ROWS = [[c, 3 * c + d, f"2024-01-{d:02d}T10:00:00Z"] for c in (1, 2) for d in range(1, 6)]


def spend(window, **more):
    return {"kind": "feature_view", "name": "spend", "entities": ["customer"], "source": "orders", "materialize": "table",
            "aggregations": [{"function": "sum", "column": "amount", "name": "paid", "window": window}], **more}  # fmt: skip


def with_prod(root):
    project = json.loads((root / "mlspec.yaml").read_text())
    project["environments"]["prod"] = dict(project["environments"]["dev"])
    (root / "mlspec.yaml").write_text(json.dumps(project))


@pytest.fixture
def root(tmp_path):
    """Three versions of a table were applied in dev, the first is live in prod."""
    write_csv(tmp_path / "orders.csv", SOURCE["columns"], ROWS)
    write_project(tmp_path, [SOURCE, ENTITY, spend("1d")])
    with_prod(tmp_path)
    assert apply(tmp_path)[2].ok
    with Session(tmp_path, "prod") as session:
        assert session.apply(session.plan(), on_event=lambda _: None).ok
    for window in ("2d", "3d"):
        write_project(tmp_path, [SOURCE, ENTITY, spend(window)])
        with_prod(tmp_path)
        assert apply(tmp_path)[2].ok
    return tmp_path


def gc(root, environment="dev", **options):
    with Session(root, environment) as session:
        return session.gc(**{"grace": 0.0, "dry_run": False, **options})


def there(root):
    with Session(root) as session:
        return set(session.backends.engine.observe().versions)


def version(root, environment="dev"):
    with Session(root, environment) as session:
        return next(r.outputs["version"] for r in session.recorded()[0] if r.address.name == "spend")


def test_only_what_nobody_points_to_goes(root):
    before, dev, prod = there(root), version(root), version(root, "prod")
    shown = gc(root, dry_run=True)
    (one,) = shown.unused
    assert (one.what, one.address, one.kept) == ("table", "feature_view.spend", "")
    assert one.bytes > 0
    assert one.name not in {dev, prod}
    assert there(root) == before
    assert [u.name for u in gc(root).unused] == [one.name]
    assert there(root) == before - {one.name}
    assert gc(root).unused == ()
    assert plan(root).empty
    assert len(read(root, "feature_view.spend")) > 0
    with Session(root, "prod") as session:
        assert session.plan(select=["feature_view.spend"]).plan.changes[0].action.word == "repoint"


def test_what_was_in_use_lately_stays(root):
    assert gc(root, grace=3600.0).unused == ()
    run = "UPDATE mlspec_data._ages SET used_at = used_at - INTERVAL 2 HOUR"
    with Session(root) as session:
        session.backends.engine.line(write=True).raw.execute(run)
    (one,) = gc(root, grace=3600.0, dry_run=True).unused
    assert one.age >= 7200


def test_what_an_older_mlspec_left_becomes_fresh_now(root):
    with Session(root) as session:
        session.backends.engine.line(write=True).raw.execute("DELETE FROM mlspec_data._ages")
        assert session.backends.engine.collect((), 60.0, dry_run=False) == ()
        assert all(
            age < 60
            for age in session.backends.engine.catalog(session.backends.engine.line(write=True)).ages().values()
        )


def test_a_version_of_another_project_stays(root, tmp_path_factory):
    """Two projects on one warehouse: what one points to, the other does not collect."""
    other = tmp_path_factory.mktemp("other")
    write_csv(other / "orders.csv", SOURCE["columns"], ROWS)
    warehouse = {"engine": {"type": "duckdb", "path": str(root / ".mlspec/warehouse.duckdb")}}
    documents = [{**SOURCE, "name": "others"}, ENTITY, {**spend("9d"), "name": "their_spend", "source": "others"}]
    write_project(other, documents, name="other", **warehouse)
    project = json.loads((other / "mlspec.yaml").read_text())
    project["environments"] = {"theirs": project["environments"]["dev"]}
    project["default_environment"] = "theirs"
    (other / "mlspec.yaml").write_text(json.dumps(project))
    assert apply(other)[2].ok
    assert {u.address for u in gc(root).unused} == {"feature_view.spend"}
    assert plan(other).empty


def test_it_waits_for_nobody_who_applies(root):
    with Session(root) as session, session.ledger.run("apply", ["source.a"], about={}):
        assert main(["-C", str(root), "gc", "--grace", "0s", "--auto-approve"]) == 1
    assert len(gc(root).unused) == 1


def test_cut_short_it_is_finished_by_the_next(root, monkeypatch):
    from mlspec.backends.engines._warehouse.catalog import Catalog  # noqa: PLC0415
    from mlspec.backends.engines._warehouse.ledger import Ledger  # noqa: PLC0415

    before = there(root)

    def dying(self, version):
        raise KeyboardInterrupt

    monkeypatch.setattr(Ledger, "discard", dying)
    with pytest.raises(KeyboardInterrupt):
        gc(root)
    monkeypatch.undo()
    assert Catalog.discard
    assert there(root) == before
    assert plan(root).empty
    assert len(gc(root).unused) == 1


def test_on_the_command_line(root, capsys, monkeypatch):
    where = ["-C", str(root), "gc", "--grace", "0s"]
    assert main([*where, "--dry-run"]) == 0
    assert "1 thing, about" in capsys.readouterr().out
    monkeypatch.setattr("mlspec.cli.gc.can_answer", lambda: False)
    assert main(where) == 1
    assert "not-approved" in capsys.readouterr().err
    assert main([*where, "--auto-approve", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["dry_run"], len(found["unused"])) == (False, 1)
    assert main([*where, "--auto-approve"]) == 0
    assert "Nothing to collect" in capsys.readouterr().out


def test_models_and_caches(tmp_path):
    smallest.write_data(tmp_path)
    documents = smallest.documents("model")
    for depth in (4, 5):
        documents[-1]["parameters"]["depth"] = depth
        smallest.write_blocks(tmp_path, documents)
        assert apply(tmp_path)[2].ok
    live = next(r for r in state(tmp_path) if r.address.kind == "model").outputs["version"]
    with Session(tmp_path) as session:
        versions = {v.version for v in session.backends.registry.versions("big")}
    assert gc(tmp_path, grace=3600.0).unused == ()
    gone = [u for u in gc(tmp_path).unused if u.what == "model"]
    assert {u.name for u in gone} == versions - {live}
    assert gone[0].bytes > 0
    with Session(tmp_path) as session:
        assert [v.version for v in session.backends.registry.versions("big")] == [live]
    assert plan(tmp_path).empty


def state(root):
    with Session(root) as session:
        return session.recorded()[0]


def test_a_model_of_strangers_stays(tmp_path):
    smallest.write_data(tmp_path)
    documents = smallest.documents("model")
    for depth in (4, 5):
        documents[-1]["parameters"]["depth"] = depth
        smallest.write_blocks(tmp_path, documents)
        assert apply(tmp_path)[2].ok
    (tmp_path / ".mlspec/models/big/.used/dev").write_text("small\nanother\n")
    (one,) = [u for u in gc(tmp_path).unused if u.what == "model"]
    assert one.kept == "project `another` uses the model too"
    with Session(tmp_path) as session:
        assert len(session.backends.registry.versions("big")) == 2


def test_a_cache_that_no_kept_run_used(tmp_path):
    smallest.write_data(tmp_path)
    smallest.write_blocks(tmp_path, smallest.documents("model"))
    assert apply(tmp_path)[2].ok
    assert [u for u in gc(tmp_path).unused if u.what == "cache"] == []
    shutil.rmtree(tmp_path / ".mlspec/runs")
    entry = next(Path(tmp_path / ".mlspec/cache/dev").iterdir())
    os.utime(entry / "entry.json", (time.time() - 7200, time.time() - 7200))
    assert entry.name in {u.name for u in gc(tmp_path, grace=3600.0).unused}
    assert not entry.exists()


def test_what_a_needed_version_reads_stays():
    known = {"a": ("s.a", []), "b": ("v.b", ["a"]), "c": ("v.c", ["b"]), "d": ("v.d", ["b"]), "e": ("v.e", [])}
    ages = dict.fromkeys(known, 100.0)
    assert unneeded(known, ["c"], [], ages, 10.0) == ["d", "e"]
    assert unneeded(known, [], ["d"], ages, 10.0) == ["c", "e"]
    assert unneeded(known, [], [], {**ages, "b": 1.0}, 10.0) == ["c", "d", "e"]
    assert unneeded(known, [], [], ages, 10.0) == ["c", "d", "b", "a", "e"]
    assert unneeded(known, [], [], {}, 10.0) == []
