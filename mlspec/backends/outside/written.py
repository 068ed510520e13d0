"""Arrow tables as files for whoever asked for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlspec.backends.outside.arrow import library
from mlspec.backends.outside.confinement import confine
from mlspec.base.diag import problem
from mlspec.ir.sql.dialect import DIALECT
from mlspec.ir.sql.glot import exp

_FORMATS = {".parquet": "parquet", ".csv": "csv", ".arrow": "arrow", ".feather": "arrow"}


def format_of(path: Path) -> str:
    """What a file will be, by the end of its name. Raises Problems."""
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(f"`{s}`" for s in _FORMATS)
        raise problem(
            "unknown-format", f"nothing says what `{path.name}` shall be", help=f"let its name end with {known}"
        )
    return kind


def write_table(table: Any, path: Path) -> None:
    """Write all rows, in their order; nested values of CSV are JSON. Raises Problems or OSError."""
    pa = library()
    kind = format_of(path)
    coming = path.with_name(f".{path.name}.part")
    coming.touch()  # says with the name of the file why it cannot be written
    if kind == "parquet":
        import pyarrow.parquet as pq  # noqa: PLC0415 - as pyarrow itself

        pq.write_table(table, coming, compression="zstd")
    elif kind == "arrow":
        with pa.OSFile(str(coming), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    else:
        _csv(table, coming)
    coming.replace(path)


def _csv(table: Any, path: Path) -> None:
    import duckdb  # noqa: PLC0415 - a fifth of a second that only those pay who write

    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        confine(connection, [str(path.resolve().parent)])
        connection.register("answers", table)
        target = exp.Literal.string(str(path.resolve())).sql(DIALECT)
        nested = [n for n, t in zip(table.column_names, table.schema.types, strict=True) if t.num_fields]
        chosen = [exp.column(n, quoted=True) if n not in nested else _json(n) for n in table.column_names]
        connection.execute(
            f"COPY ({exp.select(*chosen).from_('answers').sql(DIALECT)}) TO {target} (FORMAT csv, HEADER true)"
        )


def _json(name: str) -> exp.Expr:
    value = exp.Anonymous(this="to_json", expressions=[exp.column(name, quoted=True)])
    return exp.alias_(value, name, quoted=True)
