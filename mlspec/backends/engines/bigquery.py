"""BigQuery: versions are tables and views of one dataset, public names those of another."""

import sys
from collections.abc import Mapping
from typing import Any, ClassVar

from mlspec.backends.engines._connector.line import ConnectorLine
from mlspec.backends.engines._connector.opening import connector, given
from mlspec.backends.engines._connector.warehouse import Connector
from mlspec.base.value import dataclass, field
from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Keep
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.traits import BIGQUERY

_KINDS = {
    "INTEGER": "int64", "INT64": "int64", "FLOAT": "float64", "FLOAT64": "float64", "STRING": "string", "BYTES": "bytes",
    "BOOLEAN": "boolean", "BOOL": "boolean", "DATE": "date", "DATETIME": "timestamp", "TIMESTAMP": "timestamptz",
}  # fmt: skip

_AUTH = ("google.auth.exceptions", "GoogleAuthError")


class BigQuery(Connector):
    """Credentials are those of the machine (Application Default Credentials); none are ever written down."""

    @dataclass(frozen=True)
    class Settings:
        """`project` pays and keeps, `location` is where its datasets lie (`EU`).

        `maximum_bytes_billed` bounds what one query may read; `endpoint` is another one than Google's.
        """

        project: str = ""
        location: str = ""
        maximum_bytes_billed: int = 0
        endpoint: str = ""
        options: Mapping[str, Any] = field(default_factory=dict)

    settings: Settings
    capabilities: ClassVar = frozenset()
    traits = BIGQUERY
    library = "google.cloud.bigquery"
    example = "dataset.table"

    def opened(self) -> ConnectorLine:
        library, said = connector("bigquery", self.library), self.settings
        values: dict[str, Any] = {"project": said.project, "location": said.location}
        parameters = given("bigquery", values, ("project",), said.options)
        job = library.QueryJobConfig()
        if said.maximum_bytes_billed:
            job.maximum_bytes_billed = said.maximum_bytes_billed
        if said.endpoint:
            parameters["client_options"] = {"api_endpoint": said.endpoint}
        client = library.Client(**parameters, default_query_job_config=job)
        return _Line(BIGQUERY, library.dbapi.connect(client), _kind)

    def summed(self, table: "exp.Table", columns: tuple[str, ...]) -> str:
        row = "CAST(FARM_FINGERPRINT(TO_JSON_STRING(r)) AS NUMERIC)"
        return f"SELECT COUNT(*), SUM({row}) FROM {self.text(table)} AS r"  # noqa: S608 - quoted by the writer

    def driver_errors(self) -> tuple[type[Exception], ...]:
        where = ("google.cloud.bigquery.dbapi", "Error"), ("google.api_core.exceptions", "GoogleAPIError"), _AUTH
        return tuple(getattr(sys.modules[m], name) for m, name in where if m in sys.modules)


class _Line(ConnectorLine):
    def kept(self, schema: str) -> Mapping[str, Keep]:
        """A dataset has a list of its own; one that is not there has none."""
        name = exp.to_identifier(schema, quoted=True).sql("bigquery")
        there = f"SELECT 1 FROM INFORMATION_SCHEMA.SCHEMATA WHERE schema_name = {exp.Literal.string(schema).sql('bigquery')}"  # noqa: S608 - quoted by the writer
        if not self.fetch(there).rows:
            return {}
        found = self.fetch(f"SELECT table_name, table_type FROM {name}.INFORMATION_SCHEMA.TABLES")  # noqa: S608 - as above
        return {str(n): Keep.VIEW if "VIEW" in str(k) else Keep.TABLE for n, k in found.rows}


def _kind(described: Any) -> ColumnType | None:
    name = str(described[1])
    if name in {"NUMERIC", "DECIMAL"}:
        return ColumnType("decimal", 38, 9)
    return ColumnType(_KINDS[name]) if name in _KINDS else None
