"""A function that the engine does not have is found before anything is built, and one that it has is not complained of."""

import pytest
from small_projects import write_csv, write_project

from mlspec.base.diag import Problems
from mlspec.session import Session

COLUMNS = {"machine": "int64", "x": "float64", "word": "string", "at": "timestamptz"}


def validated(root, **view):
    write_csv(root / "readings.csv", COLUMNS, [[1, 61.5, "a", "2024-01-01T10:00:00Z"]])
    write_project(root, [
        {"kind": "source", "name": "readings", "files": "readings.csv", "columns": COLUMNS, "event_time": "at"},
        {"kind": "entity", "name": "machine", "keys": {"machine": "int64"}},
        {"kind": "feature_view", "name": "hot", "entities": ["machine"], **view},
    ])  # fmt: skip
    with Session(root) as session:
        return session.validate()


def windowed(where):
    return {
        "source": "readings",
        "aggregations": [{"function": "sum", "column": "x", "name": "s", "window": "1d", "where": where}],
    }


def of_sql(value):
    return {"event_time": "at", "sql": f"SELECT machine, at, {value} AS v FROM readings"}


@pytest.mark.parametrize(
    ("view", "name", "instead"),
    [
        (windowed("CAST(sqrtt(x) AS DOUBLE) > 6"), "sqrtt", "sqrt"),
        (of_sql("CAST(avgg(x) AS DOUBLE)"), "avgg", "avg"),
        (of_sql("CAST(levenstein(word, 'b') AS BIGINT)"), "levenstein", "levenshtein"),
    ],
)
def test_one_that_is_not_there(tmp_path, view, name, instead):
    with pytest.raises(Problems) as problems:
        validated(tmp_path, **view)
    (found,) = problems.value.diagnostics
    assert found.code == "unsupported-by-backend"
    assert f"it has no function `{name}`" in found.message
    assert f"`{instead}`" in found.help


@pytest.mark.parametrize(
    "value",
    ["CAST(levenshtein(word, 'b') AS BIGINT)", "CAST(list_aggregate([x], 'sum') AS DOUBLE)", "CAST(jaccard(word, 'ab') AS DOUBLE)", "CAST(x AS DECIMAL(18, 3))",
     "CASE WHEN (x > 1) AND (x IN (2, 3)) THEN 1 ELSE 0 END", "CAST(bar(x, 0, 1) AS VARCHAR)", "CAST(json_extract_string(word, '$.a') AS VARCHAR)"],
)  # fmt: skip
def test_one_that_is_there(tmp_path, value):
    assert validated(tmp_path, **of_sql(value))


def test_what_is_refused_is_not_suggested(tmp_path):
    with pytest.raises(Problems) as caught:
        validated(tmp_path, **of_sql("CAST(write_blob(word) AS BIGINT)"))
    (found,) = caught.value.diagnostics
    assert "`write_blob`" in found.message
    assert "write_log" not in found.help
