"""Files: what is read is what is there, or it is said which line or column is wrong; nothing is lost or bent silently."""

import csv
import gzip
import io
import json
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_projects import apply, read, write_project

from mlspec.base.diag import Problems
from mlspec.session import Session


def source(files, columns, **more):
    return {"kind": "source", "name": "s", "files": files, "columns": columns, **more}


def loaded(root: Path, files, columns, **more) -> list[dict]:
    write_project(root, [source(files, columns, **more)])
    _, _, applied = apply(root)
    assert applied.ok, applied.failed
    return read(root, "source.s")


def failed(root: Path, files, columns, **more):
    write_project(root, [source(files, columns, **more)])
    (one,) = apply(root)[2].failed
    return one


def refused(root: Path, files, columns, **more):
    write_project(root, [source(files, columns, **more)])
    with Session(root) as session, pytest.raises(Problems) as problems:
        session.validate()
    (one,) = problems.value.diagnostics
    assert one.span is not None
    return one


def put(root: Path, name: str, data: bytes | str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


SOUND = {
    "a byte order mark, CRLF": b"\xef\xbb\xbfa,b\r\n1,x\r\n2,y\r\n",
    "no line end at the end": b"a,b\n1,x\n2,y",
    "other columns beside, in another order": b"c,b,z,a\n0,x,,1\n0,y,,2\n",
    "empty lines": b"a,b\n1,x\n\n2,y\n\n",
    "everything in quotes": b'"a","b"\n"1","x"\n"2","y"\n',
    "a name twice that nobody reads": b"a,b,c,c\n1,x,,\n2,y,,\n",
    "a header over two lines": b'a,b,"c\nd"\n1,x,0\n2,y,0\n',
}


@pytest.mark.parametrize("data", SOUND.values(), ids=SOUND)
def test_a_sound_csv_file(data, tmp_path):
    put(tmp_path, "s.csv", data)
    assert loaded(tmp_path, "s.csv", {"a": "int64", "b": "string"}) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


UNSOUND = {
    "too few values": (b"a,b\n1,x\n2\n3,z\n", "ragged-rows", "line 3 of `s.csv` has 1 values, the header 2"),
    "too many values": (b"a,b\n1,x\n2,y,z\n", "ragged-rows", "line 3 of `s.csv` has 3 values"),
    "a value too many, and empty": (b'a,b\n1,x\n2,y,""\n', "ragged-rows", "line 3 of `s.csv` has 3 values"),
    "a cut off last line": (b"a,b\n1,x\n2", "ragged-rows", "line 3"),
    "a quote that stays open": (b'a,b\n1,"x\n2,y\n', "source-unreadable", "line 2 of `s.csv`: a quote"),
    "text behind a quote": (b'a,b\n1,"x"y\n', "source-unreadable", "a quote"),
    "line ends of two kinds": (b"a,b\r\n1,x\n2,y\r\n", "source-unreadable", "do not all end alike"),
    "a fraction": (b"a,b\n1,x\n2.5,y\n", "unfit-value", "holds `2.5`, which is no `int64`: line 3 of `s.csv`"),
    "a power of ten": (b"a,b\n1e3,x\n", "unfit-value", "`1e3`"),
    "a word": (b"a,b\n1,x\nn/a,y\nn/a,z\n", "unfit-value", "line 3 of `s.csv`, and 1 more like it"),
    "a word behind a line break": (b'a,b\n1,"x\nx"\nq,y\n', "unfit-value", "line 4 of `s.csv`"),
}


@pytest.mark.parametrize(("data", "code", "says"), UNSOUND.values(), ids=UNSOUND)
def test_an_unsound_csv_file(data, code, says, tmp_path):
    put(tmp_path, "s.csv", data)
    one = failed(tmp_path, "s.csv", {"a": "int64", "b": "string"})
    assert (one.code, says in one.message) == (code, True), one
    assert one.span is not None
    assert one.help


def test_columns_that_nobody_declared_are_shown(tmp_path):
    put(tmp_path, "s.csv", "a,b,c\n1,x,2\n")
    write_project(tmp_path, [source("s.csv", {"b": "string"})])
    with Session(tmp_path) as session:
        assert session.show("source.s")["undeclared"] == ["a", "c"]


HEADS = {
    "nothing at all": (b"", "source-unreadable", "has not even a header"),
    "a column that is not there": (b"A,b\n1,x\n", "missing-column", "declares column `a`"),
    "a column that is there twice": (b"a,a,b\n1,1,x\n", "source-unreadable", "has column `a` twice"),
    "not UTF-8": (b"a,b\xe9\n1,x\n", "source-unreadable", "not UTF-8"),
}


@pytest.mark.parametrize(("data", "code", "says"), HEADS.values(), ids=HEADS)
def test_a_head_that_does_not_fit_is_seen_before_apply(data, code, says, tmp_path):
    put(tmp_path, "s.csv", data)
    one = refused(tmp_path, "s.csv", {"a": "int64", "b": "string"})
    assert (one.code, says in one.message) == (code, True), one


TIMES = {
    ("timestamp", "2024-01-01T10:00:00Z"): "declare `timestamptz`",
    ("timestamp", "2024-01-01 10:00:00+02:00"): "declare `timestamptz`",
    ("timestamp", "2024-01-01 10:00:00-05"): "declare `timestamptz`",
    ("timestamptz", "2024-01-01 10:00:00"): "declare `timestamp`, and say `timezone`",
    ("timestamptz", "2024-01-01"): "declare `timestamp`, and say `timezone`",
    ("date", "2024-01-01 10:00"): "correct the type",
    ("decimal(5,2)", "1.005"): "correct the type",
    ("boolean", "perhaps"): "correct the type",
    ("int32", "3000000000"): "correct the type",
}


@pytest.mark.parametrize("suffix", ["csv", "json"])
@pytest.mark.parametrize(("kind", "value"), TIMES)
def test_nothing_is_rounded_cut_off_or_moved(kind, value, suffix, tmp_path):
    if suffix == "json" and kind in {"decimal(5,2)", "boolean", "int32"}:
        pytest.skip("JSON has numbers and booleans of its own")
    put(tmp_path, "s.csv", f"a\n{value}\n")
    put(tmp_path, "s.json", json.dumps({"a": value}))
    one = failed(tmp_path, f"s.{suffix}", {"a": kind})
    assert one.code == "unfit-value"
    assert TIMES[kind, value] in one.help
    assert f"`{value}`" in one.message


FITTING = {
    "decimal(5,2)": ("1.50", 1.5), "int64": ("-7", -7), "float64": ("1e3", 1000), "boolean": ("true", True), "date": ("2024-01-31", "2024-01-31"),
    "timestamp": ("2024-01-01 10:00:00", "2024-01-01T10:00:00"), "timestamptz": ("2024-01-01T10:00:00+02:00", "2024-01-01T08:00:00Z"),
    "array<int64>": ("[1, 2]", [1, 2]), "json": ('{"x": 1}', '{"x": 1}'),
}  # fmt: skip


@pytest.mark.parametrize("kind", FITTING)
def test_what_fits_is_read(kind, tmp_path):
    text, value = FITTING[kind]
    rows = io.StringIO()
    csv.writer(rows).writerows([["a"], [text]])
    put(tmp_path, "s.csv", rows.getvalue())
    assert loaded(tmp_path, "s.csv", {"a": kind}) == [{"a": value}]


def test_a_value_that_is_personal_is_not_shown(tmp_path):
    put(tmp_path, "s.csv", "a\nann@home\n")
    one = failed(tmp_path, "s.csv", {"a": {"type": "int64", "tags": ["pii"]}})
    assert "ann" not in one.message
    assert "line 2 of `s.csv`" in one.message


@pytest.mark.parametrize("suffix", ["csv.gz", "csv.zst", "json.gz", "tsv"])
def test_packed_files_and_tabs(suffix, tmp_path):
    tmp_path.mkdir(exist_ok=True)
    match suffix:
        case "csv.gz":
            put(tmp_path, "s.csv.gz", gzip.compress(b"b,a\nx,1\n"))
        case "csv.zst":
            duckdb.sql(f"COPY (SELECT 'x' AS b, 1 AS a) TO '{tmp_path}/s.csv.zst' (FORMAT csv, COMPRESSION zstd)")
        case "json.gz":
            put(tmp_path, "s.json.gz", gzip.compress(b'{"b": "x", "a": 1}\n'))
        case "tsv":
            put(tmp_path, "s.tsv", "b\ta\nx\t1\n")
    assert loaded(tmp_path, f"s.{suffix}", {"a": "int64", "b": "string"}) == [{"a": 1, "b": "x"}]


def test_without_a_header_columns_go_by_their_place(tmp_path):
    put(tmp_path, "s.csv", "1;x\n2;-\n")
    files = {"path": "s.csv", "header": False, "delimiter": ";", "null_values": ["-"]}
    assert loaded(tmp_path, files, {"n": "int64", "t": "string"}) == [{"n": 1, "t": "x"}, {"n": 2, "t": None}]


def test_many_files_each_by_its_own_header(tmp_path):
    put(tmp_path, "d/1.csv", "a,b\n1,x\n")
    put(tmp_path, "d/2.csv", "b,c,a\ny,0,2\n")
    assert loaded(tmp_path, "d/*.csv", {"a": "int64", "b": "string"}) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_column_that_one_of_many_files_lacks_is_told_with_the_file(suffix, tmp_path):
    (tmp_path / "d").mkdir()
    for number, columns in enumerate(["1 AS a, 2 AS b", "1 AS a, 2 AS bb", "1 AS a, 2 AS b"]):
        duckdb.sql(f"COPY (SELECT {columns}) TO '{tmp_path}/d/{number}.{suffix}'")
    one = refused(tmp_path, f"d/*.{suffix}", {"a": "int64", "b": "int64"})
    assert one.code == "missing-column"
    assert f"`d/1.{suffix}`" in one.message
    assert "`bb`" in one.help


PARQUET = {
    ("TIMESTAMP '2024-01-01'", "timestamptz"): "the data has no time zone",
    ("TIMESTAMPTZ '2024-01-01 00:00:00Z'", "timestamp"): "the data has a time zone",
    ("1.5::DOUBLE", "int64"): "declare `float64`",
    ("1.25::DECIMAL(5,2)", "decimal(5,1)"): "declare `decimal(5,2)`",
    ("'x'", "int64"): "declare `string`",
    ("[1.5::DOUBLE]", "array<int64>"): "declare `array<float64>`",
}


@pytest.mark.parametrize(("value", "kind"), PARQUET)
def test_the_types_of_parquet_are_compared_before_apply(value, kind, tmp_path):
    duckdb.sql(f"COPY (SELECT {value} AS a) TO '{tmp_path}/s.parquet'")
    one = refused(tmp_path, "s.parquet", {"a": kind})
    assert one.code == "schema-mismatch"
    assert PARQUET[value, kind] in one.help


def test_a_number_that_is_too_large_is_found_in_parquet(tmp_path):
    duckdb.sql(f"COPY (SELECT unnest([1, 3000000000]) AS a) TO '{tmp_path}/s.parquet'")
    one = failed(tmp_path, "s.parquet", {"a": "int32"})
    assert (one.code, "`3000000000`" in one.message) == ("unfit-value", True)


def test_a_key_that_only_some_rows_of_json_have_is_found(tmp_path):
    lines = [json.dumps({"a": n}) for n in range(30_000)] + [json.dumps({"a": -1, "b": "late"})]
    put(tmp_path, "s.jsonl", "\n".join(lines))
    rows = loaded(tmp_path, "s.jsonl", {"a": "int64", "b": "string"})
    assert (len(rows), rows[-1]) == (30_001, {"a": -1, "b": "late"})


def partitioned(root: Path) -> None:
    put(root, "d/day=2024-01-01/region=a%2Fb/x.csv", "n\n1\n")
    put(root, "d/day=2024-01-02/region=__HIVE_DEFAULT_PARTITION__/x.csv", "n\n2\n")


HIVE = {"path": "d/day=*/region=*/*.csv", "hive_partitions": ["day", "region"]}


def test_values_in_paths(tmp_path):
    partitioned(tmp_path)
    rows = loaded(tmp_path, HIVE, {"n": "int64", "day": "date", "region": "string"})
    assert rows == [{"n": 1, "day": "2024-01-01", "region": "a/b"}, {"n": 2, "day": "2024-01-02", "region": None}]


def test_moving_a_file_to_another_day_is_a_change(tmp_path):
    partitioned(tmp_path)
    columns = {"n": "int64", "day": "date", "region": "string"}
    loaded(tmp_path, HIVE, columns)
    (tmp_path / "d/day=2024-01-02").rename(tmp_path / "d/day=2024-01-03")
    assert [r["day"] for r in loaded(tmp_path, HIVE, columns)] == ["2024-01-01", "2024-01-03"]


def test_paths_that_do_not_fit(tmp_path):
    partitioned(tmp_path)
    missing = {**HIVE, "hive_partitions": ["hour"]}
    assert refused(tmp_path, missing, {"n": "int64", "hour": "int64"}).code == "invalid-source"
    assert refused(tmp_path, missing, {"n": "int64"}).code == "unknown-column"
    put(tmp_path, "d/day=2024-01-03/region=c/x.csv", "n,day\n1,1\n")
    assert refused(tmp_path, HIVE, {"n": "int64", "day": "date", "region": "string"}).code == "ambiguous-column"


def test_a_value_in_a_path_must_fit_too(tmp_path):
    put(tmp_path, "d/day=monday/x.csv", "n\n1\n")
    one = failed(tmp_path, {"path": "d/day=*/x.csv", "hive_partitions": ["day"]}, {"n": "int64", "day": "date"})
    assert (one.code, "`monday`" in one.message) == ("unfit-value", True)


def test_options_that_mean_nothing_are_refused(tmp_path):
    put(tmp_path, "s.json", '{"a": 1}')
    assert refused(tmp_path, {"path": "s.json", "delimiter": ";"}, {"a": "int64"}).code == "meaningless-field"
    assert refused(tmp_path, {"path": "gs://b/s.json"}, {"a": "int64"}).code == "unsupported-by-backend"


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00", exclude_categories=["Cs"]), max_size=6)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=8))
def test_rows_are_those_of_the_file_or_it_is_refused(rows, tmp_path_factory):
    """Against Python's own reader: every row is there, value for value, or nothing is built."""
    root = tmp_path_factory.mktemp("p")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([["a", "b"], *rows])
    put(root, "s.csv", text.getvalue())
    write_project(root, [source("s.csv", {"a": "string", "b": "string"})])
    _, _, applied = apply(root)
    if any(len(r) != 2 for r in rows):
        assert [f.code for f in applied.failed] == ["ragged-rows"]
        return
    assert applied.ok
    assert [[r["a"] or "", r["b"] or ""] for r in read(root, "source.s")] == rows
