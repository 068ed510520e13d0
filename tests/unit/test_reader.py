"""YAML to data: the core schema of YAML 1.2, and a place for every value."""

import cProfile
import math

import pytest

from mlspec.base.diag import Report
from mlspec.documents.document import Document
from mlspec.documents.reader import read_text
from mlspec.documents.scalars import plain

SCALARS = [
    ("no", "no"), ("NO", "NO"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"), ("n", "n"),
    ("true", True), ("True", True), ("TRUE", True), ("false", False), ("tRUE", "tRUE"),
    ("null", None), ("~", None), ("", None), ("Null", None), ("nULL", "nULL"), ("None", "None"),
    ("12:30", "12:30"), ("1:30:00", "1:30:00"), ("010", 10), ("0o10", 8), ("0x1F", 31), ("0b11", "0b11"),
    ("1_000", "1_000"), ("-7", -7), ("+7", 7), ("1e3", 1000.0), ("1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("1.10", 1.1), ("1.2.3", "1.2.3"),
    (".inf", math.inf), ("-.INF", -math.inf), ("inf", "inf"), ("2024-01-01", "2024-01-01"), ("=", "="), ("<<", "<<"),
]  # fmt: skip


def read(text: str) -> tuple[tuple[Document, ...], list[str]]:
    report = Report()
    return read_text(text, "a.yaml", report), [d.code for d in report]


def under(text: str, document: Document, *path: str | int) -> str:
    span = document.span(path)
    return text.split("\n")[span.line - 1][span.column - 1 : span.end_column - 1]


@pytest.mark.parametrize(("written", "value"), SCALARS, ids=repr)
def test_plain_scalars(written, value):
    assert plain(written) == value
    assert type(plain(written)) is type(value)


def test_not_a_number():
    assert math.isnan(plain(".nan"))  # type: ignore[arg-type]


def test_digits_without_end_stay_text():
    assert plain("9" * 5000) == "9" * 5000


@pytest.mark.parametrize("quoted", ["'no'", '"12"', "'true'", '""', "'~'"])
def test_what_is_quoted_is_text(quoted):
    (document,), _ = read(f"kind: {quoted}\n")
    assert document.data["kind"] == quoted[1:-1]


TEXT = """\
kind: team
name: 'ada'
members: [bob, "eve x"]
labels: {a: one, b: {c: two}}
sql: |
  SELECT a,

    b
  FROM t
folded: >
  some
  words
deep:
  - x: 1
    y:
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("kind",), "team"), (("name",), "'ada'"), (("members", 0), "bob"), (("members", 1), '"eve x"'),
        (("labels", "a"), "one"), (("labels", "b", "c"), "two"), (("members",), '[bob, "eve x"]'), (("sql",), "SELECT a,"),
        (("folded",), ">"), (("deep", 0, "x"), "1"), (("labels", "b", "nothing"), "{c: two}"), ((), "kind: team"),
    ],
)  # fmt: skip
def test_the_place_of_a_value(path, expected):
    (document,), _ = read(TEXT)
    assert under(TEXT, document, *path) == expected


def test_the_place_of_a_key():
    (document,), _ = read(TEXT)
    span = document.key_span(("labels", "b", "c"))
    assert (span.line, span.column, span.end_column) == (4, 22, 23)


@pytest.mark.parametrize(
    ("line", "column", "length", "expected"),
    [(1, 8, 1, "a"), (3, 3, 1, "b"), (4, 6, 1, "t"), (4, 6, 99, "t"), (9, 1, 1, "w")],
)
def test_the_place_of_a_piece_of_a_block(line, column, length, expected):
    (document,), _ = read(TEXT)
    span = document.text_span(("sql",), line, column, length)
    found = TEXT.split("\n")[span.line - 1][span.column - 1 : span.end_column - 1]
    assert found == expected or line == 9  # beyond the block: any place inside the file


def test_the_place_of_a_piece_of_a_quoted_text():
    (document,), _ = read(TEXT)
    span = document.text_span(("members", 1), 1, 5, 1)
    assert TEXT.split("\n")[2][span.column - 1 : span.end_column - 1] == "x"


def test_two_documents_and_an_empty_one():
    documents, codes = read("kind: a\n---\n---\nkind: b\n")
    assert [d.data["kind"] for d in documents] == ["a", "b"]
    assert codes == []


def test_aliases_are_followed():
    (document,), codes = read("a: &x [1, 2]\nb: *x\n")
    assert document.data == {"a": [1, 2], "b": [1, 2]}
    assert codes == []


def test_keys_are_texts():
    (document,), _ = read("on: 1\n2: x\nnull: y\n")
    assert list(document.data) == ["on", "2", "null"]


def test_windows_line_ends():
    text = "kind: a\r\nname: b\r\n"
    (document,), _ = read(text)
    assert document.data == {"kind": "a", "name": "b"}
    assert str(document.span(("name",))) == "a.yaml:2:7"


def test_reading_takes_work_in_proportion():
    def calls(count: int) -> int:
        text = "---\n".join(f"kind: team\nname: t{i}\nrole: platform\n" for i in range(count))
        counter = cProfile.Profile()
        documents, _ = counter.runcall(read, text)
        assert len(documents) == count
        return sum(entry.callcount for entry in counter.getstats())

    few, many = calls(200), calls(1_600)
    assert many < 8.5 * few
