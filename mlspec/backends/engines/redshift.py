"""Redshift: versions are tables and views of one database; a public name is a view that pins nothing."""

from collections.abc import Mapping
from typing import Any, ClassVar

from mlspec.backends.engines._connector.line import ConnectorLine
from mlspec.backends.engines._connector.opening import connector, given, secret
from mlspec.backends.engines._connector.warehouse import Connector
from mlspec.backends.engines._warehouse.trees import drop, make_view
from mlspec.base.value import dataclass, field
from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Keep
from mlspec.ir.sql.formulate import written
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.traits import REDSHIFT

_PINNED = ("SET timezone TO 'UTC'", "SET enable_case_sensitive_identifier TO true")
_KINDS = {
    16: "boolean", 21: "int32", 23: "int32", 20: "int64", 700: "float32", 701: "float64", 25: "string", 1042: "string",
    1043: "string", 1082: "date", 1114: "timestamp", 1184: "timestamptz", 6551: "bytes",
}  # fmt: skip
_NUMERIC = 1700
_VIEWS = {"r": Keep.TABLE, "v": Keep.VIEW}


class Redshift(Connector):
    """Definitions are in transactions there too, so a version is made whole or not at all."""

    @dataclass(frozen=True)
    class Settings:
        """`host`, `port`, `database` and `user`; `password` names a variable. `options` are more of the connector's."""

        host: str = ""
        port: int = 5439
        database: str = ""
        user: str = ""
        password: Mapping[str, Any] = field(default_factory=dict)
        options: Mapping[str, Any] = field(default_factory=dict)

    settings: Settings
    capabilities: ClassVar = frozenset()
    traits = REDSHIFT
    library = "redshift_connector"

    def opened(self) -> ConnectorLine:
        library, said = connector("redshift", self.library), self.settings
        values: dict[str, Any] = {
            "host": said.host, "port": said.port, "database": said.database, "user": said.user,
            "password": secret("redshift", "password", said.password),
        }  # fmt: skip
        parameters = given("redshift", values, ("host", "database"), said.options)
        raw = library.connect(**parameters, application_name="mlspec")
        raw.autocommit = True
        line = RedshiftLine(REDSHIFT, raw, kind)
        for statement in _PINNED:
            line.execute(statement)
        return line

    def summed(self, table: "exp.Table", columns: tuple[str, ...]) -> str:
        made = "CAST(0 AS BIGINT)"
        for name in (self.quoted(c) for c in columns):
            made = f"FNV_HASH({name}, FNV_HASH(CASE WHEN {name} IS NULL THEN 1 ELSE 0 END, {made}))"
        return f"SELECT COUNT(*), SUM(CAST({made} AS DECIMAL(38, 0))) FROM {self.text(table)}"  # noqa: S608 - quoted by the writer


class RedshiftLine(ConnectorLine):
    """Its list of tables has views that pin nothing only in the catalog of PostgreSQL."""

    unpinned = " WITH NO SCHEMA BINDING"

    def kept(self, schema: str) -> Mapping[str, Keep]:
        name = exp.Literal.string(schema).sql("redshift")
        kinds = "SELECT c.relname, CAST(c.relkind AS VARCHAR) FROM pg_catalog.pg_class AS c"
        schemas = "pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
        found = self.fetch(f"{kinds} JOIN {schemas} WHERE n.nspname = {name} AND c.relkind IN ('r', 'v')")
        return {str(n): _VIEWS[str(k)] for n, k in found.rows}

    def let_view(self, view: "exp.Table", query: "exp.Query") -> None:
        """Made anew, in the transaction: one with other columns cannot be replaced."""
        self.run(drop(Keep.VIEW, view))
        made = make_view(view, query)
        made.set("replace", None)
        self.execute(written(made, self.traits) + self.unpinned)


def kind(described: Any) -> ColumnType | None:
    """The logical type of a column as the connector describes it."""
    number = described[1]
    if number == _NUMERIC:
        precision, scale = described[4], described[5]
        return ColumnType("decimal", precision, scale or 0) if precision else ColumnType("decimal", 38, 0)
    return ColumnType(_KINDS[number]) if number in _KINDS else None
