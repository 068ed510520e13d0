"""`docs/capabilities.md` is made from what the backends say and refuse; `--update-golden` writes it anew."""

from command import REPOSITORY
from sqlglot import exp

from mlspec.backends.chosen import DEPLOYS, ENGINES, PIPELINES
from mlspec.backends.engines._connector.warehouse import Connector
from mlspec.backends.port import Capability
from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Aggregate, Relation, Windows
from mlspec.ir.sql.aggregates import FUNCTIONS, result_type
from mlspec.ir.sql.dialect import data_type
from mlspec.ir.sql.formulate import formulate, written
from mlspec.ir.sql.spoken import Unspoken

PAGE = REPOSITORY / "docs" / "capabilities.md"
NAMES = ("duckdb", "postgres", "spark", "snowflake", "bigquery", "databricks", "trino", "redshift")
TESTED = {
    "duckdb": "itself", "postgres": "itself", "spark": "itself", "snowflake": "fakesnow", "bigquery": "DuckDB, read back",
    "databricks": "Spark", "trino": "DuckDB, read back", "redshift": "PostgreSQL",
}  # fmt: skip
TYPES = (
    ColumnType("float32"), ColumnType("decimal", 38, 2), ColumnType("bytes"), ColumnType("json"),
    ColumnType("array", items=(ColumnType("string"),)),
    ColumnType("struct", items=(ColumnType("string"),), fields=("a",)),
)  # fmt: skip
YES, NO = "yes", "no"


def engine(name):
    return ENGINES.get(name)


def can(name, tree) -> str:
    try:
        written(tree, engine(name).traits)
    except Unspoken:
        return NO
    return YES


def window(name, function) -> str:
    kind = ColumnType("int32")
    argument = {"percentile": 0.9, "last_n": 3, "distinct_n": 3}.get(function, 0)
    aggregate = Aggregate(
        "f", function, 3_600_000_000, result_type(function, kind), 0, 0, '"v"', kind, argument=argument
    )
    windows = Windows("source.rows", ("k",), "at", (aggregate,), zoned=True)
    return can(name, formulate(Relation("", (), "", windows=windows), engine(name).traits))


def column(name, kind) -> str:
    return can(name, exp.select(exp.cast(exp.column("c", quoted=True), data_type(kind))).from_("t"))


def files(name) -> str:
    return NO if issubclass(engine(name), Connector) else YES


def table(title, rows, columns) -> list[str]:
    head = [f"| {title} | " + " | ".join(f"`{c}`" for c in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    return [*head, *[f"| {label} | " + " | ".join(found) + " |" for label, found in rows], ""]


def page() -> str:
    kept = [
        ("sources from files and other databases", [files(n) for n in NAMES]),
        ("rows of one's own (`query --spine`)", [files(n) for n in NAMES]),
        (
            "feature views in partitions",
            [YES if Capability.PARTITIONS in engine(n).capabilities else NO for n in NAMES],
        ),
        (
            "what nothing needs is collected (`gc`)",
            [YES if Capability.COLLECT in engine(n).capabilities else NO for n in NAMES],
        ),
        ("a build is one transaction", [YES if engine(n).traits.transactions else NO for n in NAMES]),
        ("a dataset keeps the order of its labels", [YES if engine(n).traits.ordered_rows else NO for n in NAMES]),
        ("tested on", [TESTED[n] for n in NAMES]),
    ]
    lines = [
        "# What each backend can do", "",
        "Made by `tests/contracts/test_capabilities.py` from what the backends say and refuse. What one lacks is refused by the plan",
        "(`unsupported-by-backend`), with the place; nothing is dropped and nothing is sent that might mean something else.", "",
        "## Engines", "",
        "The three on the left are tested on themselves. For the others something stands in: none of them has ever been run here",
        "against the real service. *Read back*: sqlglot reads the text in the dialect, and DuckDB runs what it read.", "",
        *table("", kept, NAMES),
        *table("window function", [(f"`{f}`", [window(n, f) for n in NAMES]) for f in FUNCTIONS], NAMES),
        *table("column type", [(f"`{t}`", [column(n, t) for n in NAMES]) for t in TYPES], NAMES),
        "The other types are on every engine. Names have a longest length: "
        + ", ".join(f"{engine(n).traits.longest_name} bytes on `{n}`" for n in NAMES if engine(n).traits.longest_name) + ".", "",
        "## Targets", "",
    ]  # fmt: skip
    targets = {n: PIPELINES.get(n) for n in PIPELINES.names()} | {
        f"{n} (deploy)": DEPLOYS.get(n) for n in DEPLOYS.names()
    }
    marks = [
        (f"`{c}`", [YES if c in t.capabilities else NO for t in targets.values()])
        for c in Capability
        if c not in {Capability.PARTITIONS, Capability.COLLECT, Capability.ALIAS}
    ]
    return "\n".join([*lines, *table("need", marks, list(targets))])


def test_the_page_says_what_is(request):
    if request.config.getoption("--update-golden"):
        PAGE.write_text(page(), "utf-8")
    assert PAGE.read_text("utf-8") == page()


def test_every_engine_is_on_the_page():
    assert set(NAMES) == set(ENGINES.names())
