"""What is said of the type of arithmetic with decimals loses no digit: the engine's value and the value as typed are one."""

import duckdb
import pytest

from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Column
from mlspec.ir.sql.analyse import expression
from mlspec.ir.sql.dialect import to_sql

TYPES = {"d": "decimal(10,2)", "e": "decimal(12,4)", "i": "int64", "j": "int32", "f": "float64"}
ROW = {"d": "12345.67", "e": "-98765.4321", "i": "1234567", "j": "-3", "f": "0.1"}
EXPRESSIONS = [
    "d / i", "d / e", "d * i", "d + i", "d * d", "d * e", "d - e", "d % j", "-d", "abs(e)", "coalesce(d, e)", "coalesce(NULL, d, 1)",
    "CASE WHEN i > 0 THEN d ELSE e END", "CASE WHEN i > 0 THEN d * 0.001 END", "greatest(d, e)", "least(d, 1.005)", "d * 1.5", "d * 0.001",
    "1.25 + d", "(d * d) * 2", "d * f", "if(j < 0, d * 0.125, e)", "d / 3 * d", "d - 0.005 * e", "i * 1.5", "j / 7",
]  # fmt: skip


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_no_digit_is_lost(text):
    columns = {n: Column(n, ColumnType.parse(t), n) for n, t in TYPES.items()}
    tree, kind, _ = expression(text, columns)
    rows = ", ".join(f"CAST('{v}' AS {to_sql(columns[n].type)}) AS {n}" for n, v in ROW.items())
    query = f"SELECT {text} AS own, CAST({tree.sql('duckdb')} AS {to_sql(kind)}) AS typed FROM (SELECT {rows})"
    own, typed = duckdb.connect().execute(query).fetchone()
    assert typed == own
