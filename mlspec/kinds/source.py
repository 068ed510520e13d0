"""A source: rows that come from outside, with their types, when they happened and when they became known."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from mlspec.base.diag import Diagnostic, Problems, known_names
from mlspec.base.digest import digest
from mlspec.base.value import replace
from mlspec.ir.columntype import TIMES, ColumnType
from mlspec.ir.relation import Column, Keep, Relation, Timing
from mlspec.ir.resource import Body
from mlspec.ir.sql.canon import meaning
from mlspec.ir.sql.dialect import DIALECT, column, interval
from mlspec.ir.sql.formulate import parsed_query
from mlspec.ir.sql.glot import exp
from mlspec.kinds._sources import intervals
from mlspec.kinds._sources.places import DatabaseSpec, SourceFiles
from mlspec.kinds._sources.scanning import Scanning
from mlspec.kinds._views.knowledge import in_advance, lost_available_time
from mlspec.language.checked import of_columns
from mlspec.language.expectations import Quality, check_qualities, keys_quality, lower_qualities
from mlspec.language.scope import Scope
from mlspec.language.spec import OnChange, Part, Spec
from mlspec.language.sql import Sql
from mlspec.language.words import TABLE, Bool, ColumnName, Duration, TimeZone, Type


def _expanded(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


class SourceColumn(Part):
    """A column: its type, what it means, and its name in the file if that is another (`from`)."""

    type: Type
    description: Annotated[str, OnChange.METADATA] = ""
    tags: Annotated[tuple[str, ...], OnChange.METADATA] = ()
    origin: str = Field(default="", alias="from")


def _files(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


class Source(Spec):
    """Where rows are (`files`, `table` or `query`), what columns they have, and when a row became known."""

    files: (
        Annotated[SourceFiles, BeforeValidator(_files, json_schema_input_type=str | SourceFiles), OnChange.REBUILD]
        | None
    ) = None
    table: Annotated[str, OnChange.REBUILD, TABLE] | None = None
    database: Annotated[DatabaseSpec, OnChange.REBUILD] | None = None
    query: Annotated[Sql, OnChange.REBUILD] | None = None
    columns: dict[
        ColumnName, Annotated[SourceColumn, BeforeValidator(_expanded, json_schema_input_type=Type | SourceColumn)]
    ] = {}
    event_time: ColumnName | None = None
    available_time: str | None = None
    tie_break: ColumnName | None = None
    valid_from: ColumnName | None = None
    valid_to: ColumnName | None = None
    known_in_advance: Annotated[Bool, OnChange.UPDATE] = False
    lateness: Annotated[Duration, OnChange.UPDATE] | None = None
    rows: Annotated[Literal["append_only", "mutable"], OnChange.UPDATE] = "append_only"
    timezone: TimeZone | None = None
    keys: tuple[ColumnName, ...] = ()
    checks: tuple[Quality, ...] = ()

    @property
    def time(self) -> str:
        """The column of the event time: where rows are valid for a time, that from which on they are."""
        return self.event_time or self.valid_from or ""

    @property
    def place(self) -> str:
        """Which of the three it is."""
        return next(k for k in ("files", "table", "query") if getattr(self, k) is not None)

    def check(self, scope: Scope) -> Iterator[Diagnostic]:
        where = [k for k in ("files", "table", "query") if getattr(self, k) is not None]
        if len(where) != 1:
            found = " and ".join(f"`{w}`" for w in where) or "none"
            yield scope.error(
                "invalid-source", f"a source has one of `files`, `table`, `query`; `{self.name}` has {found}", "name"
            )
            return
        if self.database is not None and self.table is None:
            message = "`database` belongs to a `table`"
            yield scope.error("meaningless-field", message, "database", key=True, help="name its `table`")
            return
        if self.query is None and not self.columns:
            yield scope.error(
                "missing-field",
                f"source `{self.name}` declares no `columns`",
                "name",
                help="declare each column with its type",
            )
            return
        relation = scope.relation(self.address)
        if self.event_time and self.valid_from:
            message = "rows that are valid for a time have no other event time than `valid_from`"
            yield scope.error("meaningless-field", message, "event_time", key=True, help="remove it")
        if self.valid_from or self.valid_to:
            yield from intervals.unsound(scope, relation, self.valid_from, self.valid_to, self.keys)
        for field in ("event_time", "tie_break"):
            yield from self._column(scope, relation, getattr(self, field), field)
        for index, name in enumerate(self.keys):
            yield from self._column(scope, relation, name, "keys", index)
        if (
            self.event_time
            and (found_column := relation.column(self.event_time))
            and found_column.type.name not in TIMES
        ):
            yield scope.error(
                "wrong-type", f"the event time `{self.event_time}` is `{found_column.type}`, not a time", "event_time"
            )
        yield from check_qualities(scope, self._qualities(), relation, self.address)

    def _column(self, scope: Scope, relation: Relation, name: str | None, *path: str | int) -> Iterator[Diagnostic]:
        if name and relation.column(name) is None:
            help_ = known_names(name, relation.names, "column")
            yield scope.error("unknown-column", f"source `{self.name}` has no column `{name}`", *path, help=help_)

    def _qualities(self) -> tuple[Quality, ...]:
        unique = (*self.keys, *([self.valid_from] if self.valid_from else []))
        return (*self.checks, keys_quality(unique)) if self.keys else self.checks

    def relation(self, scope: Scope) -> Relation:
        base = self._from_query(scope) if self.query is not None else self._from_scan(scope)
        available = self._available(scope, base)
        if available is None:
            return replace(base, timing=Timing(self.time, "", self.tie_break or "", valid_to=self.valid_to or ""))
        name, extra = available
        timing = Timing(self.time, name, self.tie_break or "", valid_to=self.valid_to or "")
        if extra is None:
            return replace(base, timing=timing)
        made, node = extra
        query = exp.select(exp.Star(), exp.alias_(node, name, quoted=True)).from_(
            parsed_query(base.query).subquery("rows")
        )
        return replace(base, query=query.sql(DIALECT), columns=(*base.columns, made), timing=timing)

    def _available(self, scope: Scope, base: Relation) -> "tuple[str, tuple[Column, exp.Expr] | None] | None":
        """The column of the available time; made from an expression, or from the end of a day, if it must be."""
        columns = {c.name: c for c in base.columns}
        if self.available_time is None:
            event = columns.get(self.time)
            if event is None or event.type.name != "date":
                return None
            node: exp.Expr = exp.Add(
                this=exp.cast(column(event.name), "TIMESTAMP"), expression=interval(86_400_000_000)
            )
            kind, read = ColumnType("timestamp"), frozenset({event.name})
            if self.timezone:
                node, kind = (
                    exp.AtTimeZone(this=exp.cast(node, "TIMESTAMP"), zone=exp.Literal.string(self.timezone)),
                    ColumnType("timestamptz"),
                )
        elif self.available_time == self.time:
            event = columns.get(self.time)
            if event is not None and event.type.name == "date":
                raise Problems(self._moments(scope, event, event.type))
            return None  # known when it happens: said for those who ask, and the same as saying nothing
        elif self.available_time in columns:
            known = columns[self.available_time]
            if problems := list(self._moments(scope, columns.get(self.time), known.type)):
                raise Problems(problems)
            return self.available_time, None
        else:
            node, kind, read = scope.expression(self.available_time, columns, "available_time")
        if problems := list(self._moments(scope, columns.get(self.time), kind)):
            raise Problems(problems)
        if "available_time" in columns:
            raise Problems(
                [scope.error("duplicate-column", "a column is called `available_time` already", "available_time")]
            )
        origins = tuple(o for n in sorted(read) for o in columns[n].origins)
        made = digest(meaning(node, columns), base.rows_digest)
        return "available_time", (
            Column("available_time", kind, made, origins, self.available_time or "the end of the day"),
            node,
        )

    def _moments(self, scope: Scope, event: Column | None, known: ColumnType) -> Iterator[Diagnostic]:
        """Whether an available time of this type is a moment, with a zone if the event time has one."""
        if known.name == "date":
            help_ = f"write `{self.available_time} + INTERVAL 1 DAY`: a day is known at its end"
            yield scope.error(
                "date-as-moment", "an available time is a moment, this is a `date`", "available_time", help=help_
            )
        elif known.name not in TIMES:
            yield scope.error("wrong-type", f"an available time is a timestamp, this is `{known}`", "available_time")
        elif event is not None and {event.type.name, known.name} == {"timestamp", "timestamptz"}:
            yield scope.error("naive-aware-comparison", f"the event time is `{event.type}`, the available time `{known}`",
                              "available_time", help="one has a time zone and the other has none: declare `timezone`, or cast")  # fmt: skip

    def _from_query(self, scope: Scope) -> Relation:
        assert self.query is not None  # noqa: S101 - said by the caller
        found = scope.analyse(self.query, "query")
        wrong: list[Diagnostic] = []
        if not (self.available_time or self.known_in_advance):
            wrong += lost_available_time(scope, found.reads, self.name, "query")
        if not (self.known_in_advance or (found.reads and all(in_advance(scope, a) for a in found.reads))):
            scope.warn(found.ahead, self.query, "query")
        for name, declared in self.columns.items():
            made = next((c for c in found.columns if c.name == name), None)
            if made is None:
                help_ = known_names(name, [c.name for c in found.columns], "column")
                wrong.append(
                    scope.error(
                        "unknown-column",
                        f"the query of `{self.name}` has no column `{name}`",
                        "columns",
                        name,
                        key=True,
                        help=help_,
                    )
                )
            elif made.type != declared.type:
                message = f"column `{name}` is `{made.type}`, declared as `{declared.type}`"
                wrong.append(
                    scope.error(
                        "type-mismatch",
                        message,
                        "columns",
                        name,
                        help=f"cast it in the query, or declare `{made.type}`",
                    )
                )
        if wrong:
            raise Problems(wrong)
        columns = tuple(self._described(c) for c in found.columns)
        return Relation(found.query, columns, found.rows_digest, Keep.VIEW, reads=found.reads, unknown=found.unknown)

    def _described(self, made: Column) -> Column:
        declared = self.columns.get(made.name)
        return replace(made, description=declared.description, tags=declared.tags) if declared else made

    def _from_scan(self, scope: Scope) -> Relation:
        scanning = Scanning(self, scope)
        if problems := list(scanning.folded()):
            raise Problems(problems)
        scan = scanning.scan()
        by_position = [n for n, _ in scan.declared] if ("header", "false") in scan.options else []
        identity = (
            scan.format,
            scan.table,
            scan.options,
            scan.nulls,
            scanning.whence(scan) if scope.blind else scan.snapshot or scan.files,
            by_position,
            *scan.partitions,
        )
        rows = digest("scan", identity)
        columns = []
        select = exp.select()
        for name, declared in self.columns.items():
            node: exp.Expr = column(declared.origin or name)
            kind = declared.type
            if self.timezone and kind.name == "timestamp":
                node, kind = (
                    exp.AtTimeZone(this=exp.cast(node, "TIMESTAMP"), zone=exp.Literal.string(self.timezone)),
                    ColumnType("timestamptz"),
                )
            made = digest(
                rows, declared.origin or name, str(declared.type), self.timezone if kind != declared.type else ""
            )
            words = declared.origin or name
            columns.append(Column(name, kind, made, (), words, declared.description, declared.tags))
            select = select.select(exp.alias_(node, name, quoted=True))
        query = select.from_("scan").sql(DIALECT)
        keep = Keep.VIEW if scan.inside else Keep.TABLE
        return Relation(query, tuple(columns), rows, keep, scan=scan)

    def lower(self, scope: Scope) -> Iterator[tuple[str, Body]]:
        relation = scope.relation(self.address)
        yield "", relation
        if self._qualities():
            checks = lower_qualities(scope, self._qualities(), str(self.address), relation)
            if self.valid_from and self.valid_to:
                more = intervals.expectations(str(self.address), relation, self.keys)
                read = of_columns(relation, [*self.keys, self.valid_from, self.valid_to])
                checks = replace(
                    checks, expectations=(*checks.expectations, *more), columns=tuple(sorted({*checks.columns, *read}))
                )
            yield "checks", checks
