"""Databricks: versions are tables and views of one catalog, computed by a SQL warehouse."""

from collections.abc import Mapping
from typing import Any, ClassVar

from mlspec.backends.engines._connector.line import ConnectorLine
from mlspec.backends.engines._connector.opening import connector, given, secret
from mlspec.backends.engines._connector.warehouse import Connector
from mlspec.base.value import dataclass, field
from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Keep
from mlspec.ir.sql.dialect import from_sql
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.traits import DATABRICKS

_PINNED = {"TIMEZONE": "UTC", "ANSI_MODE": "true"}
_TIMES = {"timestamp": "timestamptz", "timestamp_ntz": "timestamp"}


class Databricks(Connector):
    """What does not fit or overflows is an error, not NULL: its sessions are in ANSI mode."""

    @dataclass(frozen=True)
    class Settings:
        """`server_hostname` and `http_path` of a SQL warehouse, and the `catalog`; `access_token` names a variable."""

        server_hostname: str = ""
        http_path: str = ""
        access_token: Mapping[str, Any] = field(default_factory=dict)
        catalog: str = ""
        options: Mapping[str, Any] = field(default_factory=dict)

    settings: Settings
    capabilities: ClassVar = frozenset()
    traits = DATABRICKS
    library = "databricks.sql"
    example = "catalog.schema.table"

    def opened(self) -> ConnectorLine:
        library, said = connector("databricks", self.library), self.settings
        values = {
            "server_hostname": said.server_hostname, "http_path": said.http_path, "catalog": said.catalog,
            "access_token": secret("databricks", "access_token", said.access_token),
        }  # fmt: skip
        parameters = given("databricks", values, ("server_hostname", "http_path"), said.options)
        raw = library.connect(**parameters, session_configuration=_PINNED, user_agent_entry="mlspec")
        return DatabricksLine(DATABRICKS, raw, kind)

    def summed(self, table: "exp.Table", columns: tuple[str, ...]) -> str:
        parts = ", ".join(f"{self.quoted(c)}, {self.quoted(c)} IS NULL" for c in columns)
        row = f"CAST(XXHASH64({parts}) AS DECIMAL(38, 0))"
        return f"SELECT COUNT(*), SUM({row}) FROM {self.text(table)}"  # noqa: S608 - quoted by the writer


class DatabricksLine(ConnectorLine):
    """It lists what a schema holds in words of its own."""

    def kept(self, schema: str) -> Mapping[str, Keep]:
        name = exp.to_identifier(schema, quoted=True).sql("databricks")
        if not any(schema in row for row in self.fetch("SHOW SCHEMAS").rows):
            return {}
        views = {row[1] for row in self.fetch(f"SHOW VIEWS IN {name}").rows}
        found = [row[1] for row in self.fetch(f"SHOW TABLES IN {name}").rows]
        return {n: Keep.VIEW if n in views else Keep.TABLE for n in found}


def kind(described: Any) -> ColumnType | None:
    """The logical type of a column as the connector describes it."""
    name, precision, scale = str(described[1]).lower(), described[4], described[5]
    if name == "decimal" and precision:
        return ColumnType("decimal", precision, scale or 0)
    return ColumnType(_TIMES[name]) if name in _TIMES else from_sql(exp.DataType.build(name, dialect="databricks"))
