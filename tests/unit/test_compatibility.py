"""Live deployments and the features that they read: refused, or moved first; the server is a real one, and answers all along."""

import shutil
from pathlib import Path

import duckdb
import live_project
import pytest
from live_project import SPEND, asked, documents, free_port, of, without_gross, write
from small_projects import actions, apply, plan

from mlspec.apply.events import Done, Started
from mlspec.base.diag import Problems
from mlspec.session import Session

pytest.importorskip("joblib", reason="scikit-learn is not installed")

LESS = SPEND.replace(", amount AS gross", "")
VIEW, LIVE, CONTRACT = "feature_view.spend", "deployment.live", "feature_view.spend/contract"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The project without its deployment, applied once."""
    root = tmp_path_factory.mktemp("live")
    live_project.write_data(root)
    write(root, documents(0)[:-1])
    assert apply(root)[2].ok
    return root


@pytest.fixture
def live(trained, tmp_path):
    """The project with its deployment, served: its folder and its port. Whatever was served is taken away at the end."""
    root, port = Path(shutil.copytree(trained, tmp_path / "p")), free_port()
    write(root, documents(port))
    _, _, done = apply(root)
    assert done.ok, done.failed
    yield root, port
    write(root, documents(port))
    apply(root, destroy=True)


def edited(root, port, *edits):
    found = documents(port)
    for edit in edits:
        edit(found)
    write(root, found)


def only_view(found, sql=LESS):
    """The view as it would be; the set takes no more than what is left."""
    of(found, VIEW)["sql"] = sql
    of(found, "feature_set.chosen")["features"] = ["spend.doubled"]


def public(root, name):
    """The columns of what a public name of the warehouse shows."""
    with duckdb.connect(str(root / ".mlspec" / "warehouse.duckdb"), read_only=True) as connection:
        found = connection.execute("SELECT column_name FROM information_schema.columns WHERE table_name = ?", [name])
        return {row[0] for row in found.fetchall()}


def refused(root, **wish):
    with pytest.raises(Problems) as caught:
        plan(root, **wish)
    (found,) = caught.value.diagnostics
    assert found.code == "breaking-change"
    assert found.span is not None  # where the edit is, or the deployment
    return f"{found.message} {found.help}"


def test_what_a_deployment_reads_is_recorded(live):
    root, _ = live
    with Session(root) as session:
        reads = session.state_show(LIVE)["outputs"]["reads"]
    assert [(r["feature"], r["address"], r["column"], r["type"]) for r in reads] == [
        ("spend__doubled", VIEW, "doubled", "int64"),
        ("spend__gross", VIEW, "gross", "int64"),
    ]
    assert all(r["version"].startswith("spend__") for r in reads)


def test_the_deployment_moves_before_the_column_goes_and_answers_all_along(live):
    root, port = live
    edited(root, port, without_gross)
    answers = []

    def event(found):
        both, one = asked(port, spend__doubled=3, spend__gross=4), asked(port, spend__doubled=3)
        answers.append((found, both, one))

    with Session(root) as session:
        planned = session.plan()
        done = session.apply(planned, parallelism=1, on_event=event)
    assert done.ok, done.failed
    order = [str(d.address) for d in done.done]
    assert order.index(VIEW) < order.index("model.big") < order.index(LIVE) < order.index(CONTRACT)
    assert order == [s.key for s in planned.plan.steps]
    moved = next(i for i, (found, *_) in enumerate(answers) if isinstance(found, Done) and str(found.address) == LIVE)
    assert {both for _, both, _ in answers[:moved]} == {3.0}
    assert {one for _, _, one in answers[moved:]} == {3.0}
    assert actions(plan(root)) == []
    assert public(root, "spend") == {"customer", "ts", "id", "doubled"}


def test_a_plan_says_who_reads_what_and_moves(live):
    root, port = live
    edited(root, port, without_gross)
    planned = plan(root)
    (found,) = planned.breaking
    assert (found.deployment, found.owner, found.feature, found.column, found.change, found.moves) == (
        LIVE, "ml", "spend__gross", "gross", "removed", True,
    )  # fmt: skip
    assert [(s.key, s.does) for s in planned.steps if s.address == VIEW] == [(VIEW, "expand"), (CONTRACT, "contract")]
    assert next(s for s in planned.steps if s.key == CONTRACT).after == (LIVE, VIEW)


def test_a_deployment_that_fails_to_move_keeps_what_it_reads(live):
    root, port = live
    edited(root, port, without_gross, lambda found: of(found, "model.big").update(parameters={"loads": False}))
    _, events, done = apply(root)
    assert [str(f.address) for f in done.failed] == [LIVE]
    assert [str(s.address) for s in done.skipped] == [CONTRACT]
    assert not [e for e in events if isinstance(e, Started) and str(e.address) == CONTRACT]
    assert asked(port, spend__doubled=3, spend__gross=4) == 3.0
    assert "gross" in public(root, "spend")
    assert {a for a, _ in actions(plan(root))} == {VIEW, LIVE}
    edited(root, port, without_gross)
    assert apply(root)[2].ok
    assert asked(port, spend__doubled=3) == 3.0
    assert actions(plan(root)) == []


def test_a_selection_that_leaves_the_deployment_out_is_refused(live):
    root, port = live
    edited(root, port, only_view)
    said = refused(root, select=[VIEW])
    for word in (
        "deployment.live",
        "`ml`",
        "feature_view.spend.gross",
        "removed",
        "keep the column",
        "redeploy",
        "--allow-breaking",
    ):
        assert word in said
    assert plan(root, select=[LIVE]).breaking[0].moves
    (found,) = plan(root, select=[VIEW], allow_breaking=True).breaking
    assert not found.moves
    with Session(root) as session:
        assert session.apply(session.plan(select=[VIEW], allow_breaking=True), on_event=lambda _: None).ok


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (SPEND.replace("AS gross", "AS paid"), "renamed to `paid`"),
        (SPEND.replace("amount AS gross", "CAST(amount AS DOUBLE) AS gross"), "of another type, `float64`"),
    ],
)
def test_a_new_name_and_another_type_break_too(live, sql, said):
    root, port = live
    edited(root, port, lambda found: only_view(found, sql))
    assert said in refused(root, select=[VIEW])


def test_a_column_that_no_deployment_reads_may_go(live):
    root, port = live
    edited(root, port, lambda found: of(found, VIEW).update(sql=SPEND + " WHERE amount >= 0"))
    assert plan(root, select=[VIEW]).breaking == ()


def test_another_expression_breaks_nobody(live):
    root, port = live
    edited(root, port, lambda found: of(found, VIEW).update(sql=SPEND.replace("amount * 2", "amount * 3")))
    assert plan(root, select=[VIEW]).breaking == ()


def test_a_view_that_is_deleted_goes_after_the_deployment_that_read_it(live):
    root, port = live
    write(root, documents(port)[:3])
    planned, _, done = apply(root)
    assert done.ok, done.failed
    assert all(b.moves for b in planned.breaking)
    order = [str(d.address) for d in done.done]
    assert order.index(LIVE) < order.index(VIEW)


def test_a_pinned_deployment_goes_on_and_keeps_what_it_reads(live):
    root, port = live
    with Session(root) as session:
        version = session.state_show(LIVE)["outputs"]["version"]
        reads = session.state_show(LIVE)["outputs"]["reads"]
    pin = lambda found: of(found, LIVE).update(version=version[:12])  # noqa: E731
    edited(root, port, pin)
    assert apply(root)[2].ok
    edited(root, port, pin, lambda found: of(found, "feature_set.chosen").update(features=["spend.doubled"]))
    planned, _, done = apply(root)
    assert done.ok, done.failed
    assert LIVE not in {a for a, _ in actions(planned)}
    assert [(u.address, u.code) for u in planned.untouched if u.code == "pinned"] == [(LIVE, "pinned")]
    assert asked(port, spend__doubled=3, spend__gross=4) == 3.0
    with Session(root) as session:
        assert session.state_show(LIVE)["outputs"]["reads"] == reads
    edited(root, port, pin, without_gross)
    assert "gross" in refused(root)
