"""DuckDB: the embedded engine, one file that holds every version of every relation."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from sqlglot import exp, parse_one

from mlspec.backends.engines._duckdb import catalog
from mlspec.backends.engines._duckdb.values import plain, width
from mlspec.backends.outside import reader
from mlspec.backends.outside.confinement import confine
from mlspec.backends.outside.explain import explain
from mlspec.backends.port import Artifact, BackendError, CheckResult, Observed, Physical, Rows, Size, SqlEngine
from mlspec.base.address import Address
from mlspec.base.digest import digest
from mlspec.ir.check import Check, Expectation
from mlspec.ir.relation import Keep, Relation
from mlspec.ir.resource import physical_name
from mlspec.ir.sql.dialect import DIALECT, column, data_type, from_sql

DATA = catalog.SCHEMA
SAMPLE_ROWS = 3

T = TypeVar("T")


def _explained(method: Callable[..., T]) -> Callable[..., T]:
    """DuckDB's errors become ours: the first lines of what it says, never a traceback."""

    @wraps(method)
    def wrapper(self: "DuckDB", *args: Any, **kwargs: Any) -> T:
        import duckdb  # noqa: PLC0415 - loaded already where this can be raised

        try:
            with self.lock:
                return method(self, *args, **kwargs)
        except duckdb.Error as error:
            raise BackendError(_first_lines(str(error)), code="engine-failed") from None

    return wrapper


@dataclass
class _Held:
    """The connection to one file: DuckDB shares a file inside a process, so all engines of a file share this too."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    connection: Any = None
    mode: tuple[bool, bool] = (False, False)

    def close(self) -> None:
        with self.lock:
            if self.connection is not None:
                self.connection.close()
                self.connection = None


_HELD: dict[Path, _Held] = {}


class DuckDB(SqlEngine):
    """Times are in UTC, whatever the machine thinks; definitions cannot reach files, the network or Python variables."""

    @dataclass(frozen=True)
    class Settings:
        """`path` of the database, relative to the project; bounds of memory (`4GB`) and threads, if there must be any."""

        path: str = ".mlspec/warehouse.duckdb"
        memory_limit: str = ""
        threads: int = 0

    settings: Settings
    capabilities: ClassVar = frozenset()

    def __init__(self, settings: Any, place: Any) -> None:
        super().__init__(settings, place)
        self.path: Path = (place.root / settings.path).resolve()
        self._held = _HELD.setdefault(self.path, _Held())
        self.lock = self._held.lock

    # -- connection ----------------------------------------------------------------------------------------------------

    def _connect(self, *, write: bool, outside: bool = False) -> Any:
        """The connection; with `outside` it reaches the project's files, and may run nothing that people wrote."""
        held = self._held
        if held.connection is not None and (held.mode[0] or not write) and held.mode[1] == outside:
            return held.connection
        self.close()
        import duckdb  # noqa: PLC0415 - a fifth of a second that a plan without refresh does not pay

        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = _open(duckdb, self.path, write=write)
        except duckdb.IOException as error:
            raise self._unopened(str(error)) from None
        if not connection.execute("SELECT current_setting('lock_configuration')").fetchone()[0]:
            self._configure(connection, outside=outside)
        if write:
            catalog.prepare(connection)
        held.connection, held.mode = connection, (write, outside)
        return connection

    def _configure(self, connection: Any, *, outside: bool) -> None:
        """Settings, the last of which forbids to change them."""
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        if self.settings.memory_limit:
            connection.execute("SET memory_limit = ?", [self.settings.memory_limit])
        if self.settings.threads:
            connection.execute("SET threads = ?", [self.settings.threads])
        roots = sorted({str(self.place.root), str(self.place.private), str(self.path.parent)}) if outside else []
        confine(connection, roots)

    def _unopened(self, said: str) -> BackendError:
        shown = f"the warehouse `{self.settings.path}` cannot be opened: {_first_lines(said, 1)}"
        if "not a valid DuckDB" in said:
            advice = "put back a copy, or move the file away: the next apply builds everything anew"
            return BackendError(shown, advice, "warehouse-damaged")
        return BackendError(
            shown, "another process holds it: wait for it to end, or plan with `--no-refresh`", "warehouse-busy"
        )

    def close(self) -> None:
        self._held.close()

    @contextmanager
    def _transaction(self, *, outside: bool = False) -> Iterator[Any]:
        connection = self._connect(write=True, outside=outside)
        connection.execute("BEGIN")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    # -- versions ------------------------------------------------------------------------------------------------------

    def render(self, address: Address, relation: Relation, physical: Physical) -> Artifact:
        statement = self._create(
            address, relation, physical, scanned=reader.query(relation.scan) if relation.scan else None
        )
        return Artifact(f"sql/{address.kind}/{address.name}.sql", statement.sql(DIALECT, pretty=True) + ";\n")

    def _create(
        self, address: Address, relation: Relation, physical: Physical, *, scanned: exp.Query | None
    ) -> exp.Create:
        inside = substituted(relation.query, physical, scanned)
        select = exp.select(
            *[exp.alias_(exp.cast(column(c.name), data_type(c.type)), c.name, quoted=True) for c in relation.columns]
        )
        select = select.from_(inside.subquery("made"))
        version = physical_name(str(address), relation)
        kind = "TABLE" if relation.keep is Keep.TABLE else "VIEW"
        return exp.Create(this=_table(DATA, version), kind=kind, expression=select)

    @_explained
    def observe(self) -> Observed:
        if not self.path.exists():
            return Observed()
        connection = self._connect(write=False)
        return Observed(catalog.versions(connection), catalog.pointers(connection, self.place.environment))

    @_explained
    def content(self, table: str) -> str:
        if not self.path.exists():
            return ""
        connection = self._connect(write=False)
        rows = exp.select(exp.Star()).from_(exp.to_table(table, dialect=DIALECT)).sql(DIALECT)
        try:
            described = connection.execute(f"DESCRIBE {rows}").fetchall()
        except Exception:  # noqa: BLE001 - it is not there, which `build` says with the name of the source
            return ""
        summed = f"SELECT count(*), sum(hash(r)) FROM ({rows}) AS r"  # noqa: S608 - a table's name, made by the writer
        found = connection.execute(summed).fetchone()
        return digest([row[:2] for row in described], str(found[0]), str(found[1]))

    @_explained
    def build(self, address: Address, relation: Relation, physical: Physical, *, anew: bool = False) -> Size:
        version = physical_name(str(address), relation)
        known = catalog.versions(self._connect(write=True)).get(version)
        if known is not None and not anew:
            return known
        outside = relation.scan is not None and (not relation.scan.table or relation.scan.database is not None)
        near = self._connect(write=True, outside=outside)
        scanned = reader.checked(near, address, relation.scan, self.place) if relation.scan else None
        statement = self._create(address, relation, physical, scanned=scanned)
        with self._transaction(outside=outside) as connection:
            catalog.discard(connection, version)
            self._run(connection, address, relation, statement)
            rows = _count(connection, exp.select(exp.Count(this=exp.Star())).from_(_table(DATA, version)))
            self._assert_spine(connection, address, relation, physical, rows)
            self._assert_unique(connection, address, relation, version)
            size = Size(rows, rows * sum(width(c.type) for c in relation.columns) if relation.keep is Keep.TABLE else 0)
            catalog.record(
                connection, str(address), version, size, [physical[a] for a in relation.reads if a in physical]
            )
        return size

    def _run(self, connection: Any, address: Address, relation: Relation, statement: exp.Create) -> None:
        try:
            connection.execute(statement.sql(DIALECT))
        except Exception as error:  # noqa: BLE001 - whatever DuckDB says of a statement
            if relation.scan is not None:
                connection.execute("ROLLBACK")
                connection.execute("BEGIN")
                explain(connection, address, relation, self.place, str(error))
            message = f"`{address}` cannot be built: {_first_lines(str(error))}"
            raise BackendError(message, _advice(str(error)), "build-failed") from None

    def _assert_spine(
        self, connection: Any, address: Address, relation: Relation, physical: Physical, rows: int
    ) -> None:
        if not relation.spine:
            return
        spine = substituted(relation.spine, physical, None)
        asked = _count(connection, exp.select(exp.Count(this=exp.Star())).from_(spine.subquery("asked")))
        if asked != rows:
            raise BackendError(f"`{address}` has {rows:,} rows, its labels have {asked:,}: a join lost or doubled some",
                               "a feature view without event time must have one row for each key", "spine-changed")  # fmt: skip

    def _assert_unique(self, connection: Any, address: Address, relation: Relation, version: str) -> None:
        if not relation.unique:
            return
        keys = [column(n) for n in relation.unique]
        seen = dict.fromkeys((*relation.keys, relation.timing.event_time, relation.timing.available_time))
        known = [column(n).is_(exp.null()).not_() for n in seen if n]  # a row without one of them never answers
        more = exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(1))
        doubled = exp.select(*keys).from_(_table(DATA, version)).where(*known).group_by(*keys).having(more)
        found = connection.execute(doubled.limit(SAMPLE_ROWS).sql(DIALECT)).fetchall()
        if found:
            names = ", ".join(relation.unique)
            shown = "; ".join(", ".join(str(plain(v)) for v in row) for row in found)
            raise BackendError(f"`{address}` has several rows for one ({names}): nothing says which is the latest, as for {shown}",
                               "declare `tie_break`, or make the rows unique", "ambiguous-latest")  # fmt: skip

    @_explained
    def point(self, address: Address, version: str) -> None:
        with self._transaction() as connection:
            catalog.point(connection, self.place.environment, address, version)

    @_explained
    def remove(self, address: Address) -> None:
        if self.path.exists():
            with self._transaction() as connection:
                catalog.remove(connection, self.place.environment, address)

    # -- checks --------------------------------------------------------------------------------------------------------

    @_explained
    def check(self, check: Check, physical: Physical) -> tuple[CheckResult, ...]:
        results = tuple(self._expect(e, physical) for e in check.expectations)
        with self._transaction() as connection:
            catalog.keep_results(connection, self.place.environment, check.subject, results)
        return results

    def _expect(self, expected: Expectation, physical: Physical) -> CheckResult:
        connection = self._connect(write=True)
        query = substituted(expected.query, physical, None)
        failed, total = (int(v or 0) for v in connection.execute(query.sql(DIALECT)).fetchone())
        passed = failed == 0 or (total > 0 and failed / total <= expected.max_failed)
        sample = None
        if not passed and expected.sample:
            sample = self.rows(expected.sample, physical, SAMPLE_ROWS)
        return CheckResult(expected.name, expected.severity, failed, total, passed, sample)

    @_explained
    def results(self, subject: str) -> tuple[CheckResult, ...]:
        if not self.path.exists():
            return ()
        return catalog.results(self._connect(write=False), self.place.environment, subject)

    # -- reading -------------------------------------------------------------------------------------------------------

    @_explained
    def rows(self, query: str, physical: Physical, limit: int = 0) -> Rows:
        tree = substituted(query, physical, None)
        if limit:
            tree = exp.select(exp.Star()).from_(tree.subquery("asked")).limit(limit)
        cursor = self._connect(write=False).execute(tree.sql(DIALECT))
        names = tuple(d[0] for d in cursor.description)
        types = tuple(_logical(str(d[1])) for d in cursor.description)
        return Rows(names, types, tuple(tuple(plain(v) for v in row) for row in cursor.fetchall()))

    @_explained
    def export(self, version: str, path: Path, format: str) -> int:  # noqa: A002
        connection = self._connect(write=False, outside=True)
        option = "FORMAT parquet, COMPRESSION zstd" if format == "parquet" else "FORMAT csv, HEADER true"
        target = exp.Literal.string(str(path)).sql(DIALECT)
        connection.execute(f"COPY {_table(DATA, version).sql(DIALECT)} TO {target} ({option})")
        return _count(connection, exp.select(exp.Count(this=exp.Star())).from_(_table(DATA, version)))


def _open(library: Any, path: Path, *, write: bool) -> Any:
    try:
        return library.connect(str(path), read_only=not write)
    except library.ConnectionException:  # this process has it open in the other mode; two modes at once cannot be
        return library.connect(str(path), read_only=write)


def substituted(query: str, physical: Mapping[str, str], scanned: exp.Query | None) -> exp.Query:
    """A canonical query with the names of kept versions in the place of addresses."""
    tree = parse_one(query, dialect=DIALECT)
    for node in list(tree.find_all(exp.Table)):
        if node.name in physical and "." in node.name:
            node.set("this", exp.to_identifier(physical[node.name], quoted=True))
            node.set("db", exp.to_identifier(DATA, quoted=True))
        elif node.name == "scan" and scanned is not None:
            node.replace(scanned.subquery("scan"))
    assert isinstance(tree, exp.Query)  # noqa: S101 - canonical
    return tree


def _table(schema: str, name: str) -> exp.Table:
    return exp.Table(this=exp.to_identifier(name, quoted=True), db=exp.to_identifier(schema, quoted=True))


def _count(connection: Any, query: exp.Query) -> int:
    return int(connection.execute(query.sql(DIALECT)).fetchone()[0])


def _logical(name: str) -> str:
    kind = from_sql(exp.DataType.build(name, dialect=DIALECT))
    return str(kind) if kind else name.lower()


def _first_lines(text: str, lines: int = 3) -> str:
    kept = [line.strip() for line in text.splitlines() if line.strip(" ^") and not line.startswith("LINE ")]
    return " ".join(kept[:lines])


def _advice(text: str) -> str:
    if "Could not convert" in text or "Conversion Error" in text:
        return "a value does not fit the declared type: correct the type, the data, or say which texts are NULL (`null_values`)"
    return ""
