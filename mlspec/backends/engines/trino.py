"""Trino: versions are tables and views of one of its catalogs, which must be able to hold both."""

from collections.abc import Mapping
from typing import Any, ClassVar

from mlspec.backends.engines._connector.line import ConnectorLine
from mlspec.backends.engines._connector.opening import connector, given, secret
from mlspec.backends.engines._connector.warehouse import Connector
from mlspec.base.value import dataclass, field
from mlspec.ir.columntype import ColumnType
from mlspec.ir.sql.dialect import from_sql
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.traits import TRINO


class Trino(Connector):
    """What one statement writes is written whole; several are in no transaction, as most catalogs have none."""

    @dataclass(frozen=True)
    class Settings:
        """`host`, `port`, `user` and `catalog`; `password` names a variable, and goes over HTTPS only."""

        host: str = ""
        port: int = 0
        user: str = ""
        password: Mapping[str, Any] = field(default_factory=dict)
        catalog: str = ""
        options: Mapping[str, Any] = field(default_factory=dict)

    settings: Settings
    capabilities: ClassVar = frozenset()
    traits = TRINO
    library = "trino.dbapi"
    example = "catalog.schema.table"

    def opened(self) -> ConnectorLine:
        library, said = connector("trino", self.library), self.settings
        password = secret("trino", "password", said.password)
        values: dict[str, Any] = {"host": said.host, "port": said.port, "user": said.user, "catalog": said.catalog}
        parameters = given("trino", values, ("host", "user", "catalog"), said.options)
        if password:
            auth = connector("trino", "trino.auth")
            parameters |= {"auth": auth.BasicAuthentication(said.user, password), "http_scheme": "https"}
        raw = library.connect(**parameters, timezone="UTC", source="mlspec")
        return ConnectorLine(TRINO, raw, _kind)

    def summed(self, table: "exp.Table", columns: tuple[str, ...]) -> str:
        row = ", ".join(self.quoted(c) for c in columns)
        return f"SELECT COUNT(*), TO_HEX(CHECKSUM(ROW({row}))) FROM {self.text(table)}"  # noqa: S608 - quoted by the writer


def _kind(described: Any) -> ColumnType | None:
    name = str(described[1]).lower()
    if name.startswith("timestamp"):
        return ColumnType("timestamptz" if "with time zone" in name else "timestamp")
    return from_sql(exp.DataType.build(name, dialect="trino"))
