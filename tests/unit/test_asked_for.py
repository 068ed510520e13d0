"""What is asked for by a name that means no rows, or several, is told what to ask instead."""

import duckdb
import pytest
import smallest
from small_projects import actions, apply

from mlspec.backends.error import BackendError
from mlspec.base.diag import Problems
from mlspec.session import Session


@pytest.fixture
def root(tmp_path):
    smallest.write_data(tmp_path)
    documents = smallest.documents("dataset")
    documents.append({**next(d for d in documents if d["name"] == "newest"), "name": "rows"})
    smallest.write_blocks(tmp_path, documents)
    assert apply(tmp_path)[2].ok
    return tmp_path


@pytest.mark.parametrize(
    ("what", "message", "help_"),
    [
        ("feature_set.chosen", "`feature_set.chosen` has no rows of its own: it answers rows that ask", "--spine"),
        ("asked", "`asked` has no rows of its own: it answers rows that ask", "--spine"),
        ("rows", "`rows` may be `dataset.rows` or `feature_view.rows`", "name its kind"),
        ("sale", "there are no rows called `sale`", "`sales`"),
    ],
)
def test_what_means_no_rows(root, what, message, help_):
    with Session(root) as session, pytest.raises(Problems) as problems:
        session.query(what)
    (found,) = problems.value.diagnostics
    assert (found.message, help_ in found.help) == (message, True)


def test_an_unknown_key_is_told_before_those_that_are_missing(root):
    with Session(root) as session, pytest.raises(Problems) as problems:
        session.query("newest", keys={"til": "a", "shop": "1"}, at="2024-01-01")
    (found,) = problems.value.diagnostics
    assert (found.code, found.help) == ("unknown-key", "did you mean `till`?")


def test_rows_that_ask_are_called_by_the_name_of_their_file(root):
    asking = ["till,shop\na,1,2,3\n", "till,shop,event_time\na,x,2024-01-01\n", "a,a\n1,2\n", "", "\0\xff"]
    with Session(root) as session:
        for rows in asking:
            (root / "mine.csv").write_text(rows)
            with pytest.raises((Problems, BackendError)) as caught:
                session.features(["newest.paid"], root / "mine.csv")
            assert "spine.asked" not in str(caught.value) + getattr(caught.value, "help", "")
            if isinstance(caught.value, BackendError):
                assert "`mine.csv`" in str(caught.value)


def test_what_was_dropped_by_hand_is_named(root):
    with duckdb.connect(str(root / ".mlspec" / "warehouse.duckdb")) as connection:
        tables = connection.sql("SELECT table_name FROM information_schema.tables").fetchall()
        (sales,) = [name for (name,) in tables if name.startswith("sales__")]
        connection.execute(f"DROP TABLE mlspec_data.{sales}")
    gone = "`source.sales` was applied, but what it made is no longer in the warehouse"
    with Session(root) as session:
        with pytest.raises(Problems) as problems:
            session.query("source.sales")
        (found,) = problems.value.diagnostics
        assert (found.code, found.message) == ("not-applied", gone)
        assert "`mlspec plan` shows it" in found.help
        with pytest.raises(BackendError) as caught:
            session.query("feature_view.newest")
        assert gone in caught.value.help
        assert session.query("dataset.rows").rows
        assert "source.sales" in [address for address, _ in actions(session.plan().plan)]
