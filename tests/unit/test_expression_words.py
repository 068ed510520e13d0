"""A column may be called like a statement, and a statement is refused all the same."""

import pytest

from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Column
from mlspec.ir.sql.analyse import expression
from mlspec.ir.sql.problem import SqlProblems

WORDS = ("load", "set", "show", "call", "copy", "comment", "update", "delete", "insert", "merge", "attach", "pragma", "install", "grant",
         "explain", "drop", "create", "alter", "analyze", "use", "describe", "cache", "begin", "commit", "export")  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("rest", [" > 1", "", " + 1 < 4", " IS NOT NULL", " BETWEEN 1 AND 3"])
def test_a_column_called_like_a_statement(word, rest):
    _, _, used = expression(f"{word}{rest}", {word: Column(word, ColumnType("float64"), "d")})
    assert used == {word}


@pytest.mark.parametrize(
    "text",
    ["DROP TABLE t", "LOAD httpfs", "COPY t TO 'x'", "SET memory_limit = '1GB'", "UPDATE t SET a = 1", "DELETE FROM t", "PRAGMA version",
     "load; DROP TABLE t", "CALL f()", "ATTACH 'x'", "load > (DELETE FROM t)", "show tables", "load > 1) ; (DROP TABLE t"],
)  # fmt: skip
def test_a_statement_is_refused(text):
    with pytest.raises(SqlProblems):
        expression(text, {n: Column(n, ColumnType("float64"), "d") for n in ("load", "t", "a")})


def test_places_are_those_of_the_text():
    with pytest.raises(SqlProblems) as error:
        expression("load > lod", {"load": Column("load", ColumnType("float64"), "d")})
    (problem,) = error.value.problems
    assert (problem.start, problem.length) == (7, 3)
