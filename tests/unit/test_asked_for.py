"""What is asked for by a name that means no rows, or several, is told what to ask instead."""

import pytest
import smallest
from small_projects import apply

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
