"""One SELECT and nothing else: parses what people wrote and refuses what a definition may not contain."""

from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from mlspec.ir.sql.dialect import DIALECT


@dataclass(frozen=True)
class SqlProblem:
    """What is wrong with a query; `start` is the offset of the place in its text, `length` how much of it is meant."""

    code: str
    message: str
    start: int = 0
    length: int = 1
    label: str = ""
    help: str = ""


class SqlProblems(Exception):
    """Everything found wrong with one query."""

    def __init__(self, *problems: SqlProblem) -> None:
        self.problems = problems
        super().__init__("; ".join(p.message for p in problems))


_WRITES = (
    exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Alter, exp.TruncateTable, exp.Copy,
    exp.Command, exp.Attach, exp.Detach, exp.Pragma, exp.Set, exp.Use, exp.Transaction, exp.Commit, exp.Rollback,
    exp.Into, exp.Kill, exp.LoadData, exp.Export, exp.Install, exp.Analyze, exp.Describe, exp.Show, exp.Summarize,
)  # fmt: skip
_CLOCK = (
    exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.CurrentDatetime, exp.CurrentUser, exp.Rand, exp.Randn,
    exp.Uuid, exp.Localtime, exp.Localtimestamp,
)  # fmt: skip
_CLOCK_NAMES = frozenset(
    "now today random rand uuid gen_random_uuid uuidv4 uuidv7 get_current_timestamp get_current_time transaction_timestamp "
    "setseed nextval currval current_setting current_user current_database txid_current version".split()
)
_FILE_NAMES = frozenset("glob getenv query query_table which_secret read_text read_blob parquet_scan sniff_csv getvariable".split())
_FILE_PREFIXES = ("read_", "scan_", "duckdb_", "pragma_", "parquet_", "postgres_", "mysql_", "sqlite_", "iceberg_", "delta_", "http")
_TABLE_FUNCTIONS = frozenset({"unnest", "generate_series", "range", "explode", "generatedatearray", "generatetimestamparray"})


def parse(text: str) -> exp.Query:
    """The tree of one SELECT. Raises SqlProblems."""
    try:
        trees = [t for t in sqlglot.parse(text, dialect=DIALECT) if t is not None]
    except ParseError as error:
        raise SqlProblems(_syntax(error, text)) from None
    except (TokenError, RecursionError) as error:
        raise SqlProblems(SqlProblem("invalid-sql", str(error).splitlines()[0] or "the SQL is nested too deeply")) from None
    if not trees:
        raise SqlProblems(SqlProblem("invalid-sql", "the query is empty", help="write one SELECT"))
    if len(trees) > 1:
        raise SqlProblems(SqlProblem("forbidden-sql", f"{len(trees)} statements; one SELECT is allowed", help="remove the rest"))
    tree = trees[0]
    problems = list(_forbidden(tree, text))
    if not isinstance(tree, exp.Query) and not problems:
        problems = [SqlProblem("forbidden-sql", f"expected a SELECT, found `{_keyword(tree, text)}`")]
    if problems:
        raise SqlProblems(*problems)
    assert isinstance(tree, exp.Query)  # noqa: S101 - said above
    return tree


def parse_expression(text: str) -> exp.Expr:
    """The tree of one expression over the columns of one relation. Raises SqlProblems."""
    try:
        tree = sqlglot.parse_one(text, dialect=DIALECT)
    except ParseError as error:
        raise SqlProblems(_syntax(error, text)) from None
    except (TokenError, ValueError, RecursionError) as error:
        raise SqlProblems(SqlProblem("invalid-sql", (str(error) or "not an expression").splitlines()[0])) from None
    problems = list(_forbidden(tree, text))
    if tree.find(exp.Query, exp.Table) or isinstance(tree, exp.Alias):
        problems.append(SqlProblem("forbidden-sql", "an expression may not hold a query or an alias"))
    if problems:
        raise SqlProblems(*problems)
    return tree


def place(node: exp.Expr) -> tuple[int, int]:
    """The offset and length of the first identifier in a node, in the text that it was parsed from."""
    for found in node.find_all(exp.Identifier, exp.Column, exp.Table, bfs=False):
        meta = found.meta
        if "start" in meta:
            return int(meta["start"]), int(meta["end"]) - int(meta["start"]) + 1
    meta = node.meta
    return (int(meta["start"]), int(meta["end"]) - int(meta["start"]) + 1) if "start" in meta else (0, 1)


def _forbidden(tree: exp.Expr, text: str) -> list[SqlProblem]:
    found = []
    for node in tree.walk():
        if isinstance(node, _WRITES):
            word = _keyword(node, text)
            start = max(text.upper().find(word), 0)
            found.append(SqlProblem("forbidden-sql", f"a definition may only read declared sources; found `{word}`", start, len(word)))
        elif isinstance(node, (exp.Placeholder, exp.Parameter, exp.SessionParameter)):
            found.append(SqlProblem("forbidden-sql", "a definition has no parameters", *place(node)))
        elif isinstance(node, exp.Func):
            found.extend(_function(node, text))
    return found


def _function(node: exp.Func, text: str) -> list[SqlProblem]:
    name = (str(node.this) if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
    at = max(text.lower().find(name), 0)
    if isinstance(node, _CLOCK) or name in _CLOCK_NAMES:
        return [SqlProblem("not-reproducible", f"`{name}` gives another answer each time", at, len(name),
                           help="use the event time of the row, or a variable")]  # fmt: skip
    reads_files = name in _FILE_NAMES or name.startswith(_FILE_PREFIXES) or isinstance(node, (exp.ReadCSV, exp.ReadParquet))
    if reads_files:
        return [SqlProblem("forbidden-sql", f"`{name}` reaches outside the declared sources", at, len(name),
                           help="declare the data as a source")]  # fmt: skip
    if isinstance(node.parent, exp.Table) and name not in _TABLE_FUNCTIONS:
        return [SqlProblem("forbidden-sql", f"table function `{name}` is not allowed", at, len(name))]
    return []


def _keyword(node: exp.Expr, text: str) -> str:
    if isinstance(node, exp.Command):
        return str(node.this).upper()
    return "TRUNCATE" if isinstance(node, exp.TruncateTable) else node.key.upper()


def _syntax(error: ParseError, text: str) -> SqlProblem:
    first = error.errors[0] if error.errors else {}
    lines = text.splitlines(keepends=True)
    word = str(first.get("highlight") or "")
    end = sum(len(t) for t in lines[: int(first.get("line") or 1) - 1]) + int(first.get("col") or 0)
    description = str(first.get("description") or "not SQL").split(" for <class")[0].rstrip(".")
    return SqlProblem("invalid-sql", f"the SQL cannot be read: {description}", max(end - len(word), 0), max(len(word), 1))
