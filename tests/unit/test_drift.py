"""What is really there against what was recorded: every way to drift is seen, told apart, and put right by the next apply."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import smallest
from small_projects import actions, apply, plan, write_csv, write_project

from mlspec.base.diag import Problems
from mlspec.cli.main import main
from mlspec.cli.views.drift import lines
from mlspec.cli.views.terminal import Look
from mlspec.plan.drift import WHATS
from mlspec.plan.file import from_json, to_json
from mlspec.session import Session

SOURCE = {"kind": "source", "name": "orders", "files": "orders.csv", "event_time": "at",
          "columns": {"customer": "int64", "amount": "int64", "at": "timestamptz"}}  # fmt: skip
ENTITY = {"kind": "entity", "name": "customer", "keys": {"customer": "int64"}}
SPEND = {"kind": "feature_view", "name": "spend", "entities": ["customer"], "source": "orders", "materialize": "table",
         "aggregations": [{"function": "sum", "column": "amount", "name": "paid", "window": "7d"}]}  # fmt: skip
LARGE = {"kind": "feature_view", "name": "large", "entities": ["customer"], "event_time": "at", "materialize": "view",
         "sql": "SELECT customer, at, amount > 5 AS large FROM orders"}  # fmt: skip
DAILY = {**SPEND, "name": "daily", "materialize": {"incremental": {"partition": "1d", "start": "2024-01-01"}}}
ROWS = [[c, 3 * c + d, f"2024-01-{d:02d}T10:00:00Z"] for c in (1, 2) for d in range(1, 6)]


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    root = tmp_path_factory.mktemp("drift")
    write_csv(root / "orders.csv", SOURCE["columns"], ROWS)
    write_project(root, [SOURCE, ENTITY, SPEND, LARGE, DAILY])
    assert apply(root)[2].ok
    return root


@pytest.fixture
def root(once, tmp_path):
    return Path(shutil.copytree(once, tmp_path / "p"))


def drift(root):
    with Session(root) as session:
        return session.drift().drift


def told(root):
    return [(str(d.address), d.what) for d in drift(root)]


def run_sql(root, statement):
    """What somebody does by hand; `{}` is the version of what is named."""
    with Session(root) as session:
        versions = {r.address.name: r.outputs.get("version") for r in session.recorded()[0]}
        session.backends.engine.line(write=True).raw.execute(statement.format(**versions))


def test_there_is_none_after_an_apply(root, capsys):
    assert told(root) == []
    assert main(["-C", str(root), "drift"]) == 0
    assert "No drift." in capsys.readouterr().out


HANDS = {
    "DROP TABLE mlspec_data.{spend} CASCADE": ("feature_view.spend", "missing", "rebuild"),
    "DROP VIEW dev.spend": ("feature_view.spend", "missing", "repoint"),
    "CREATE OR REPLACE VIEW dev.spend AS SELECT * FROM mlspec_data.{large}": ("feature_view.spend", "repointed", "repoint"),
    "CREATE OR REPLACE VIEW dev.spend AS SELECT 1 AS one": ("feature_view.spend", "repointed", "repoint"),
    "CREATE OR REPLACE VIEW dev.spend AS SELECT * FROM mlspec_data.{spend} WHERE paid > 9": ("feature_view.spend", "repointed", "repoint"),
    'CREATE OR REPLACE VIEW mlspec_data.{large} AS SELECT customer, "at", true AS large FROM mlspec_data.{orders}': ("feature_view.large", "altered", "update"),
    "ALTER TABLE mlspec_data.{spend} ADD COLUMN mine INTEGER": ("feature_view.spend", "altered", "rebuild"),
    "ALTER TABLE mlspec_data.{spend} ALTER paid TYPE VARCHAR": ("feature_view.spend", "altered", "rebuild"),
    "DELETE FROM mlspec_data._partitions": ("feature_view.daily", "unnoted", "rebuild"),
}  # fmt: skip


@pytest.mark.parametrize("statement", HANDS)
def test_what_a_hand_did_is_seen_and_put_right(root, statement):
    address, what, action = HANDS[statement]
    run_sql(root, statement)
    assert told(root) == [(address, what)]
    planned, _, done = apply(root)
    assert [(str(d.address), d.what) for d in planned.drift] == [(address, what)]
    assert actions(planned) == [(address, action)]
    assert done.ok, done.failed
    assert told(root) == []
    assert plan(root).empty


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "ALTER TABLE mlspec_data.{spend} ADD COLUMN mine INTEGER",
            "altered by hand: column `mine` is new (INTEGER)\n",
        ),
        ("ALTER TABLE mlspec_data.{spend} DROP COLUMN paid", "altered by hand: column `paid` is gone\n"),
        (
            "ALTER TABLE mlspec_data.{spend} ALTER paid TYPE DECIMAL(9,2)",
            "altered by hand: column `paid` is DECIMAL(9,2), it was ",
        ),
    ],
)
def test_what_a_hand_changed_is_named(root, capsys, statement, said):
    run_sql(root, statement)
    assert main(["-C", str(root), "drift"]) == 2
    assert said in capsys.readouterr().out


def test_columns_are_read_from_any_shape_of_a_table():
    def differ(before, after):
        here = {"definition": before}, {"definition": after}
        one = {
            "address": "a.b",
            "subject": "v",
            "what": "altered",
            "recorded": here[0],
            "observed": here[1],
            "acknowledged": None,
            "help": "",
        }
        return next(lines([one], Look()))

    wide = "a DECIMAL(9,2), b STRUCT(x INTEGER, y DECIMAL(3,1)[]), c TIMESTAMP WITH TIME ZONE"
    assert differ(wide, f"{wide}, d MAP(VARCHAR, INTEGER)").endswith("column `d` is new (MAP(VARCHAR, INTEGER))")
    assert differ(wide, wide.replace("3,1", "4,1")).endswith("it was STRUCT(x INTEGER, y DECIMAL(3,1)[])")
    assert differ("a INTEGER, b TEXT", "b DATE, c TEXT").endswith(
        "columns `c` is new (TEXT), `a` is gone, `b` is DATE, it was TEXT"
    )
    old, new = differ(f"SELECT {wide}, 1 AS one", f"SELECT {wide}, 2 AS one").split(": ")[-1].split(" -> ")
    assert old != new


def test_three_snapshots_are_kept_apart(root):
    with Session(root) as session:
        before = session.recorded()[0].records
        large = next(r.outputs["version"] for r in before.values() if r.address.name == "large")
        spend = next(r.outputs["version"] for r in before.values() if r.address.name == "spend")
    run_sql(root, "CREATE OR REPLACE VIEW dev.spend AS SELECT * FROM mlspec_data.{large}")
    other = {**SPEND, "aggregations": [{"function": "sum", "column": "amount", "name": "paid", "window": "3d"}]}
    write_project(root, [SOURCE, ENTITY, other, LARGE, DAILY])
    (one,) = drift(root)
    assert (one.recorded, one.observed) == ({"version": spend}, {"version": large})
    assert one.desired["version"] not in {spend, large}
    planned = plan(root)
    assert [(c.reason, c.action.word) for c in planned.changes] == [("changed", "rebuild")]
    assert from_json(json.loads(json.dumps(to_json(planned)))).drift == planned.drift


@pytest.mark.parametrize(
    ("columns", "what", "subject"),
    [
        ({"customer": 0, "amount": 0, "at": 0, "channel": 0}, "column_added", "channel"),
        ({"customer": 0, "at": 0}, "column_removed", "amount"),
    ],
)
def test_a_schema_that_changed_upstream(root, columns, what, subject, capsys):
    rows = [[dict(zip(SOURCE["columns"], r, strict=True)).get(c, "x") for c in columns] for r in ROWS]
    write_csv(root / "orders.csv", columns, rows)
    (one,) = drift(root)
    assert (str(one.address), one.what, one.subject) == ("source.orders", what, subject)
    assert main(["-C", str(root), "drift"]) == 2
    assert f"column `{subject}`" in capsys.readouterr().out
    if what == "column_added":
        planned, _, done = apply(root)
        assert planned.drift == (one,)
        assert done.ok
        assert told(root) == []


def test_a_table_of_the_warehouse_that_changed_upstream(tmp_path):
    source = {"kind": "source", "name": "orders", "table": "raw.orders", "columns": {"id": "int64", "amount": "int64"}}
    root = write_project(tmp_path, [source])
    with Session(root) as session:
        raw = session.backends.engine.line(write=True).raw
        raw.execute("CREATE SCHEMA raw; CREATE TABLE raw.orders (id BIGINT, amount INTEGER)")
    assert apply(root)[2].ok
    run_sql(root, "ALTER TABLE raw.orders ADD COLUMN country VARCHAR; ALTER TABLE raw.orders ALTER amount TYPE BIGINT")
    assert [(d.what, d.subject, d.recorded, d.observed) for d in drift(root)] == [
        ("column_retyped", "amount", "int32", "int64"),
        ("column_added", "country", None, "string"),
    ]


def digests(root):
    """Of everything but what a compile keeps for the next one."""
    found = (p for p in sorted(root.rglob("*")) if p.is_file() and p.parent.name != "cache")
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


def test_looking_changes_nothing(root):
    run_sql(root, "DROP VIEW dev.spend")
    before = digests(root)
    assert told(root)
    with Session(root) as session:
        session.plan_refresh()
    assert digests(root) == before


def test_a_refresh_writes_the_state_and_nothing_else(root, capsys):
    run_sql(root, "DROP TABLE mlspec_data.{spend} CASCADE")
    run_sql(root, "CREATE OR REPLACE VIEW dev.daily AS SELECT 1 AS one")
    where = ["-C", str(root)]
    assert main([*where, "plan", "--refresh-only", "-o", str(root / "refresh.plan")]) == 0
    assert "What the state would learn" in capsys.readouterr().out
    data = {k: v for k, v in digests(root).items() if "/state/" not in k}
    assert main([*where, "apply", str(root / "refresh.plan")]) == 0
    assert "learned of 2 things" in capsys.readouterr().out
    assert {k: v for k, v in digests(root).items() if "/state/" not in k} == data
    assert told(root) == []
    offline = plan(root, refresh=False)
    assert sorted(actions(offline)) == [("feature_view.daily", "rebuild"), ("feature_view.spend", "create")]
    assert apply(root)[2].ok
    assert told(root) == []
    assert plan(root).empty


def test_a_refresh_goes_with_no_choice_of_what_to_make(root, capsys):
    assert main(["-C", str(root), "plan", "--refresh-only", "--destroy"]) == 1
    assert "meaningless-option" in capsys.readouterr().err


def test_json_for_programs(root, capsys):
    run_sql(root, "DROP VIEW dev.spend")
    assert main(["-C", str(root), "drift", "--format", "json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["drifted"] == 1
    (one,) = found["drift"]
    assert (one["address"], one["what"], one["help"]) == ("feature_view.spend", "missing", WHATS["missing"])
    assert one["observed"] is None


def test_a_catalog_is_read_by_as_many_questions_whatever_is_in_it(tmp_path, monkeypatch):
    from mlspec.backends.engines._duckdb.line import DuckLine  # noqa: PLC0415

    asked: list[str] = []
    fetch = DuckLine.fetch
    monkeypatch.setattr(DuckLine, "fetch", lambda self, query: (asked.append(query), fetch(self, query))[1])
    counts = []
    for number in (1, 8):
        root = tmp_path / str(number)
        write_csv(root / "orders.csv", SOURCE["columns"], ROWS)
        write_project(root, [SOURCE, ENTITY, *({**SPEND, "name": f"spend{i}"} for i in range(number))])
        assert apply(root)[2].ok
        asked.clear()
        assert told(root) == []
        counts.append(len(asked))
    assert counts[0] == counts[1]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Everything up to manifests."""
    root = tmp_path_factory.mktemp("served")
    smallest.write_data(root)
    smallest.write_blocks(root, smallest.documents("deployment"))
    assert apply(root)[2].ok
    return root


FILES = {
    "deploy/dev/live/deployment.yaml": ("deployment.live", "update"),
    ".mlspec/pipelines/dev/train.json": ("pipeline.train", "update"),
}


@pytest.mark.parametrize("gone", [True, False], ids=["gone", "edited"])
@pytest.mark.parametrize("path", FILES)
def test_files_that_were_written(served, tmp_path, path, gone):
    root = Path(shutil.copytree(served, tmp_path / "p"))
    address, action = FILES[path]
    if gone:
        (root / path).unlink()
    else:
        (root / path).write_text((root / path).read_text() + "\n")
    (one,) = drift(root)
    assert (str(one.address), one.what, one.subject) == (address, "missing" if gone else "edited", path)
    planned, _, done = apply(root)
    assert actions(planned) == [(address, action)]
    assert done.ok, done.failed
    assert told(root) == []


def test_a_model_version_that_left_the_registry(served, tmp_path):
    root = Path(shutil.copytree(served, tmp_path / "p"))
    shutil.rmtree(next((root / ".mlspec/models/big").glob("[0-9a-f]*")))
    assert told(root) == [("model.big", "missing")]
    assert ("model.big", "rebuild") in actions(plan(root))


def test_a_model_version_that_was_edited(served, tmp_path):
    root = Path(shutil.copytree(served, tmp_path / "p"))
    files = next((root / ".mlspec/models/big").glob("[0-9a-f]*")) / "files"
    (files / "more.txt").write_text("by hand")
    assert told(root) == [("model.big", "edited")]


def acknowledged(root, **said):
    project = json.loads((root / "mlspec.yaml").read_text())
    project["environments"]["dev"]["acknowledge"] = [{"address": "feature_view.spend", "reason": "a test", **said}]
    (root / "mlspec.yaml").write_text(json.dumps(project))


def test_drift_that_is_accepted_is_shown_and_left(root, capsys):
    run_sql(root, "CREATE OR REPLACE VIEW dev.spend AS SELECT 1 AS one")
    acknowledged(root, until="2999-12-31")
    (one,) = drift(root)
    assert one.acknowledged.reason == "a test"
    assert main(["-C", str(root), "drift"]) == 0
    assert "accepted until 2999-12-31: a test" in capsys.readouterr().out
    planned = plan(root)
    assert planned.empty
    assert [d.acknowledged.by for d in planned.drift] == ["acknowledge"]
    with Session(root) as session:
        assert session.plan_refresh().plan.empty
    other = {**SPEND, "aggregations": [{"function": "sum", "column": "amount", "name": "paid", "window": "3d"}]}
    for name, text in (("feature_view.spend.doc.yaml", json.dumps(other)),):
        (root / name).write_text(text)
    assert actions(plan(root)) == [("feature_view.spend", "rebuild")]


@pytest.mark.parametrize("said", [{"what": "missing"}, {"subject": "another"}])
def test_only_what_was_accepted_is(root, said):
    run_sql(root, "CREATE OR REPLACE VIEW dev.spend AS SELECT 1 AS one")
    acknowledged(root, until="2999-12-31", **said)
    assert [d.acknowledged for d in drift(root)] == [None]
    assert actions(plan(root)) == [("feature_view.spend", "repoint")]


def test_what_was_accepted_until_yesterday_drifts_again(root, capsys):
    run_sql(root, "CREATE OR REPLACE VIEW dev.spend AS SELECT 1 AS one")
    acknowledged(root, until="2024-01-31")
    assert main(["-C", str(root), "drift"]) == 2
    assert "acknowledgement-expired" in capsys.readouterr().err
    with Session(root) as session:
        planned = session.plan()
    assert [d.code for d in planned.warnings] == ["acknowledgement-expired"]
    assert actions(planned.plan) == [("feature_view.spend", "repoint")]


def test_every_kind_of_drift_can_be_accepted():
    from typing import get_args  # noqa: PLC0415

    from mlspec.kinds.project import What  # noqa: PLC0415

    assert set(get_args(What)) == set(WHATS)


def test_a_day_is_a_day(root):
    acknowledged(root, until="tomorrow")
    with Session(root) as session, pytest.raises(Problems) as problems:
        session.plan()
    assert problems.value.diagnostics[0].code == "invalid-instant"
