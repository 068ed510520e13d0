"""What people really write: each mistake gets a diagnostic at its place, alone or together with another, never a traceback."""

import itertools
import random
from dataclasses import dataclass

import pytest
from small_project import FILES, found, write

from mlspec.base.diag import Diagnostic

S, F, T, P = "sources.yaml", "features.yaml", "training.yaml", "mlspec.yaml"
SQL = "sql: |\n  SELECT customer, country, since\n  FROM customers\n"


@dataclass(frozen=True)
class Case:
    """A change of the small project, and what it must give: code, file, line, the text under the span, a part of what is said."""

    number: str
    file: str
    old: str
    new: str | bytes
    code: str
    line: int
    under: str
    says: str = ""

    def changed(self, files: dict[str, str | bytes]) -> dict[str, str | bytes]:
        text = files.get(self.file, "")
        if not self.old:
            return {**files, self.file: self.new}
        assert isinstance(text, str)
        assert isinstance(self.new, str)
        return {**files, self.file: text.replace(self.old, self.new, 1)}


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{c}: &{c} [{', '.join([f'*{p}'] * 9)}]\n" for p, c in itertools.pairwise("abcdefghi")
)
ALL = "SELECT customer, country, since FROM customers"


def _sql(query: str) -> str:
    return f"sql: |\n  {query}\n"


CASES = [
    # text and YAML; in YAML 1.2 some traps are none, and the type or the name is what is wrong
    Case("01", S, "name: orders", "name: NO", "invalid-name", 2, "NO", "`NO` is not a name"),
    Case("02", S, "event_time: at", "event_time: at\non: push", "unknown-key", 12, "on", "unknown key `on`"),
    Case("03", F, "window: 7d", "window: 1:30", "invalid-duration", 12, "1:30", "write `90m` or `1h30m`"),
    Case("04", S, "files: orders.csv", "files: orders.csv\ndescription: 01234", "wrong-type", 5, "01234", 'quote it: `"01234"`'),
    Case("05", P, "spec_version: 1", "spec_version: 1\nrequired_version: 1.10", "wrong-type", 4, "1.10", 'quote it: `"1.10"`'),
    Case("07", S, "event_time: at", "event_time: at\nevent_time: at", "duplicate-key", 12, "event_time", "first at line 11"),
    Case("08", S, "event_time: at", "event_time: at\n  bad: 1", "invalid-yaml", 12, ":", ""),
    Case("09", S, "  amount: float64", "\tamount: float64", "tab-indentation", 7, "\t", "use spaces"),
    Case("10", F, SQL, f"sql: {ALL} # all\n", "comment-in-sql", 17, ALL, "`|` block"),
    Case("11", F, SQL, "sql: >\n  SELECT customer -- c\n  FROM customers\n", "folded-sql-comment", 17, ">", "use `|`"),
    Case("12", S, "orders.csv", "{{ path }}", "looks-like-template", 4, "{{ path }}", "`${vars.name}`"),
    Case("12b", S, "orders.csv", "{{ path }}/x.csv", "looks-like-template", 4, "{{", "`${vars.name}`"),
    Case("13", S, "name: orders", "name: orders: all", "invalid-yaml", 2, ":", "quote the value"),
    Case("14", S, "name: orders", "name:", "empty-value", 2, "name", "`name` is empty; expected a string"),
    Case("15", "x.yaml", "", "# nothing\n", "empty-file", 1, "#", "holds no document"),
    Case("16", "x.yaml", "", "- a\n- b\n", "not-a-mapping", 1, "- a", "found a list"),
    Case("16b", "x.yaml", "", "hello\n", "not-a-mapping", 1, "hello", "found a single value"),
    Case("18", "x.yaml", "", BOMB, "alias-bomb", 1, "x", "200,000"),
    Case("19", "x.yaml", "", "kind: team\nname: t\nmembers: &a [*a]\n", "recursive-alias", 3, "&a [*a]"),
    Case("20", "x.yaml", "", "kind: team\nname: *t\n", "invalid-yaml", 2, "*", "undefined alias"),
    Case("21", "x.yaml", "", "kind: team\nname: !!python/object/apply:os.system ['x']\n", "custom-tag", 2,
         "!!python/object/apply:os.system ['x']", "not allowed"),
    Case("21b", "x.yaml", "", "kind: team\nname: !Ref x\n", "custom-tag", 2, "!Ref x", "`!Ref` is not allowed"),
    Case("22", "x.yaml", "", b"kind: team\nname: \xe9\n", "not-utf8", 2, "\ufffd", "byte 0xE9 at offset 17"),
    Case("22b", "x.yaml", "", "kind: team\nname: a\0b\n", "invalid-yaml", 2, "\0", "U+0000"),
    Case("22c", "x.yaml", "", "kind: team\n".encode("utf-16"), "not-utf8", 1, "\ufffd", "UTF-16"),
    Case("23", "x.yaml", "", "a: " + "[" * 100 + "]" * 100 + "\n", "too-deep", 1, "[" * 40 + "]" * 40, "60 levels"),
    Case("25", "x.yaml", "", "kind: team\nname: t\nrole: platform\n<<: {owner: growth}\n", "unknown-key", 4, "<<", "unknown key `<<`"),
    Case("26", F, "event_time: since", "event_time: since\nttl: 1 day", "invalid-duration", 21, "1 day", "write `1d`"),
    Case("26b", F, "event_time: since", "event_time: since\nttl: 1D", "invalid-duration", 21, "1D", "write `1d`"),
    Case("26c", F, "event_time: since", "event_time: since\nttl: 1mon", "invalid-duration", 21, "1mon", "write `30d`"),
    Case("27", F, "kind: feature_view", "kind: FeatureView", "unknown-kind", 6, "FeatureView", "did you mean `feature_view`?"),
    Case("27b", F, "kind: feature_view", "kind: featureview", "unknown-kind", 6, "featureview", "did you mean `feature_view`?"),
    Case("28", S, "orders.csv", '{path: orders.csv, header: "false"}', "wrong-type", 4, '"false"', 'found the string "false"'),
    # references and types
    Case("29", F, "column: amount", "column: amuont", "unknown-column", 11, "amuont", "did you mean `amount`?"),
    Case("29b", F, "customer, country", "customer, contry", "unknown-column", 18, "contry", "did you mean `country`?"),
    Case("30", F, "source: orders", "source: order", "unresolved-reference", 9, "order", "did you mean `orders`?"),
    Case("30b", F, "FROM customers", "FROM flight", "unknown-table", 19, "flight", "known: `buyers`, `customers`, `orders`"),
    Case("31", F, "FROM customers", "FROM profile", "cycle", 19, "profile", "feature_view.profile -> feature_view.profile"),
    Case("32", "x.yaml", "", "kind: team\nname: growth\nrole: platform\n", "duplicate-name", 2, "growth", "declared twice"),
    Case("34", F, "keys:\n  customer: int64", "keys:\n  customer: string", "key-type-mismatch", 8, "[customer]", "is `int64` in source"),
    Case("34b", F, "FROM customers", "FROM customers WHERE country = customer", "type-mismatch", 19, "country", "cast one of them"),
    Case("35", F, "column: amount", "column: status", "wrong-type", 11, "status", "`sum` needs a number, `status` is `string`"),
    Case("35b", F, "customer, country, since\n  FROM customers", "customer, avg(country) AS country, max(since) AS since FROM customers GROUP BY ALL",
         "wrong-type", 18, "country", "`avg` needs a number"),
    Case("38", S, "amount: float64", "amount: float64\n  Amount: float64", "invalid-name", 8, "Amount", "`amount: {type: …, from: Amount}`"),
    Case("38b", S, "amount: float64", "amount: float64\n  paid: {type: float64, from: Amount}", "duplicate-column", 8, "paid", "differ only by case"),
    Case("39", T, "SELECT customer, at", "SELECT at", "missing-key", 6, "SELECT at AS event_time, amount > 100 AS large", "needs `customer`"),
    # time
    Case("41", T, "at AS event_time", "CAST(day AS TIMESTAMP) AS event_time", "naive-aware-comparison", 5, "sql: |", "declare `timezone`"),
    Case("41b", F, "FROM customers", "FROM customers WHERE since > TIMESTAMP '2024-01-01'", "naive-aware-comparison", 19, "since", "declare `timezone`"),
    Case("46", F, "window: 7d", "window: 0d", "invalid-duration", 12, "0d", "more than nothing"),
    Case("46b", F, "window: 7d", "window: -7d", "invalid-duration", 12, "-7d", "is not a duration"),
    Case("47", F, "FROM customers", "FROM customers WHERE since < now()", "not-reproducible", 19, "now", "gives another answer each time"),
    Case("47b", F, "SELECT customer, country, since", "SELECT customer, random() AS country, since", "not-reproducible", 18, "random"),
    Case("47c", F, "FROM customers", "FROM customers WHERE CAST(since AS DATE) < current_date", "not-reproducible", 19, "current_date"),
    # SQL and security
    Case("59", F, SQL, _sql(f"{ALL}; DROP TABLE x"), "forbidden-sql", 18, "DROP", "2 statements"),
    Case("59b", F, SQL, _sql("WITH d AS (DELETE FROM customers RETURNING *) SELECT * FROM d"), "forbidden-sql", 18, "DELETE", "`DELETE`"),
    Case("59c", F, SQL, _sql("COPY customers TO 'x'"), "forbidden-sql", 18, "COPY", "`COPY`"),
    Case("59d", F, SQL, _sql("ATTACH 'x' AS y"), "forbidden-sql", 18, "ATTACH", "`ATTACH`"),
    Case("59e", F, SQL, _sql("INSTALL httpfs"), "forbidden-sql", 18, "INSTALL", "`INSTALL`"),
    Case("59f", F, SQL, _sql("SELECT * FROM read_text('/etc/passwd')"), "forbidden-sql", 18, "read_text", "outside the declared sources"),
    Case("59g", F, SQL, _sql("SELECT * FROM customers JOIN df USING (customer)"), "unknown-table", 18, "df", "not declared anywhere"),
    Case("61", T, "command: python fit.py", "command: python fit.py\n    env: {PASSWORD: hunter2}", "secret-literal", 16, "hunter2"),
    Case("61b", S, "files: orders.csv", "files: postgres://u:hunter2@h/db", "secret-literal", 4, "postgres://u:hunter2@h/db"),
    Case("61c", S, "files: orders.csv", "files: orders.csv\ndescription: key AKIAIOSFODNN7EXAMPLE", "secret-literal", 5, "key AKIAIOSFODNN7EXAMPLE"),
    Case("62", T, "{min: 0.6}", "{min: .nan}", "invalid-gate", 28, ".nan", "`nan` is not a bound"),
    Case("62b", T, "{min: 0.6}", "{max: [0.9, .inf]}", "invalid-gate", 28, "[0.9, .inf]", "`inf` is not a bound"),
    Case("62c", T, "command: python fit.py", "command: python fit.py\n    parameters: {n: -.inf}", "invalid-value", 16, "-.inf", "must be a finite number"),
    Case("62d", T, "command: python fit.py", "command: []", "invalid-value", 15, "[]", "at least 1 is needed"),
    Case("62e", S, "event_time: at", "event_time: at\nchecks: [{range: {column: amount, min: .nan}}]", "invalid-value", 12, ".nan", "must be a finite number"),
]  # fmt: skip

FINE = {
    "01 `NO` is a string": (P, "{days: 7}", "{country: NO}"),
    "03 `1:30` is a string": (P, "{days: 7}", "{at: 1:30}"),
    "06 `1e3` is a number": (T, "min: 0.6", "min: 1e3"),
    "17 two documents in a file": (
        "x.yaml",
        "",
        "kind: team\nname: a\nrole: platform\n---\nkind: team\nname: b\nrole: platform\n",
    ),
    "22 a byte order mark": ("x.yaml", "", "\ufeffkind: team\nname: a\nrole: platform\n"),
    "26 `1m` is a minute": (F, "event_time: since", "event_time: since\nttl: 1m"),
    "37 reserved words": (S, "status: string", "status: string\n  order: int64\n  group: string\n  end: int64"),
    "37 reserved words read": (F, "column: amount", "expression: 'amount + 1'"),
    "43 a date is known at its end": (S, "event_time: at", "event_time: day\ntimezone: Europe/Oslo"),
}


def _under(files: dict[str, str | bytes], one: Diagnostic) -> str:
    assert one.span is not None
    text = files[one.span.file]
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text.removeprefix("\ufeff")
    return shown.split("\n")[one.span.line - 1][one.span.column - 1 : one.span.end_column - 1]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.number}-{c.code}")
def test_a_mistake_gets_a_diagnostic_at_its_place(case, tmp_path):
    files = case.changed(dict(FILES))
    write(tmp_path, files)
    first, *_ = [d for d in found(tmp_path) if d.code == case.code]
    assert first.span
    assert (first.span.line, _under(files, first) if first.span.end_column else case.under) == (case.line, case.under)
    assert case.says in f"{first.message} {first.help} {first.label}"
    assert not first.message.endswith(".")


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.number}-{c.code}")
def test_one_mistake_is_one_code(case, tmp_path):
    write(tmp_path, case.changed(dict(FILES)))
    assert {d.code for d in found(tmp_path)} == {case.code}


@pytest.mark.parametrize("name", FINE)
def test_what_is_no_mistake_is_accepted(name, tmp_path):
    file, old, new = FINE[name]
    case = Case("", file, old, new, "", 0, "")
    write(tmp_path, case.changed(dict(FILES)))
    assert found(tmp_path) == ()


@pytest.mark.parametrize("seed", range(40))
def test_mistakes_together_are_never_a_traceback(seed, tmp_path):
    chosen = random.Random(seed).sample(CASES, 3)
    files: dict[str, str | bytes] = dict(FILES)
    for case in chosen:
        files = case.changed(files)
    write(tmp_path, files)
    problems = found(tmp_path)
    assert {d.code for d in problems} & {c.code for c in chosen}
    assert all(d.span is not None for d in problems)


def test_three_places_of_a_circle(tmp_path):
    views = "".join(
        f"kind: feature_view\nname: v{i}\nentities: [customer]\nsql: SELECT customer, 1 AS x{i} FROM v{(i + 1) % 3}\n---\n"
        for i in range(3)
    )
    write(tmp_path, {**FILES, "x.yaml": views})
    (one,) = found(tmp_path)
    assert one.code == "cycle"
    assert [_under({"x.yaml": views}, Diagnostic("", "", n.span)) for n in one.notes] == ["v1", "v2", "v0"]


def test_both_places_of_a_name(tmp_path):
    write(tmp_path, {**FILES, "x.yaml": "kind: team\nname: growth\nrole: platform\n"})
    (one,) = found(tmp_path)
    assert [str(n.span) for n in one.notes] == ["team.yaml:2:7"]


def test_all_mistakes_of_a_phase_are_told_at_once(tmp_path):
    files = {
        **FILES,
        S: FILES[S].replace("amount: float64", "amount: number").replace("since: timestamptz", "since: moment"),
    }
    files[F] = FILES[F].replace("window: 7d", "window: soon")
    write(tmp_path, files)
    assert [d.code for d in found(tmp_path)] == ["invalid-duration", "unknown-type", "unknown-type"]


def test_a_broken_document_does_not_make_its_name_unknown(tmp_path):
    write(tmp_path, {**FILES, S: FILES[S].replace("amount: float64", "amount: number")})
    assert [d.code for d in found(tmp_path)] == ["unknown-type"]
