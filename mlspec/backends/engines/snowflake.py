"""Snowflake: versions are tables and views of one database; every name is in quotes, so its case stays."""

from collections.abc import Mapping
from typing import Any, ClassVar

from mlspec.backends.engines._connector.line import ConnectorLine
from mlspec.backends.engines._connector.opening import connector, given, secret
from mlspec.backends.engines._connector.warehouse import Connector
from mlspec.base.value import dataclass, field
from mlspec.ir.columntype import ColumnType
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.traits import SNOWFLAKE

_PINNED = {"TIMEZONE": "UTC", "QUOTED_IDENTIFIERS_IGNORE_CASE": False, "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ"}
_KINDS = {
    1: "float64", 2: "string", 3: "date", 4: "timestamp", 6: "timestamptz", 7: "timestamptz", 8: "timestamp", 11: "bytes",
    13: "boolean",
}  # fmt: skip
_NUMBER = 0


class Snowflake(Connector):
    """A statement that defines something ends a transaction there, so nothing is in one."""

    @dataclass(frozen=True)
    class Settings:
        """`account`, `user`, `database`, `warehouse` and `role` as Snowflake knows them; `password` names a variable.

        With `private_key_file` and `authenticator` there is no password. `options` are more parameters of the connector.
        """

        account: str = ""
        user: str = ""
        password: Mapping[str, Any] = field(default_factory=dict)
        private_key_file: str = ""
        authenticator: str = ""
        database: str = ""
        warehouse: str = ""
        role: str = ""
        options: Mapping[str, Any] = field(default_factory=dict)

    settings: Settings
    capabilities: ClassVar = frozenset()
    traits = SNOWFLAKE
    library = "snowflake.connector"
    example = "database.schema.table"

    def opened(self) -> ConnectorLine:
        library, said = connector("snowflake", self.library), self.settings
        values = {
            "account": said.account, "user": said.user, "password": secret("snowflake", "password", said.password),
            "private_key_file": said.private_key_file, "authenticator": said.authenticator, "database": said.database,
            "warehouse": said.warehouse, "role": said.role,
        }  # fmt: skip
        parameters = given("snowflake", values, ("account", "user", "database"), said.options)
        raw = library.connect(**parameters, session_parameters=_PINNED, application="mlspec", autocommit=True)
        return ConnectorLine(SNOWFLAKE, raw, _kind)

    def summed(self, table: "exp.Table", columns: tuple[str, ...]) -> str:
        return f"SELECT COUNT(*), HASH_AGG(*) FROM {self.text(table)}"  # noqa: S608 - quoted by the writer


def _kind(described: Any) -> ColumnType | None:
    number, precision, scale = described[1], described[4], described[5]
    if number == _NUMBER:
        return ColumnType("decimal", precision, scale) if scale else ColumnType("int64")
    return ColumnType(_KINDS[number]) if number in _KINDS else None
