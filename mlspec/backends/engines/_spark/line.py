"""A line to Spark as the furniture knows one: Spark starts when something is asked of it, not before.

Every version that a query names is opened under its own name in the session when it is first named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from mlspec.backends.engines._spark.arrow import arrow_of, frame_of
from mlspec.backends.engines._spark.notes import Note, Notes
from mlspec.backends.engines._spark.shelf import Shelf, spark_columns
from mlspec.backends.engines._warehouse.line import Answer, Line
from mlspec.backends.engines._warehouse.takes_over import selected
from mlspec.backends.port import BackendError
from mlspec.base.digest import digest
from mlspec.ir.relation import Keep, Relation
from mlspec.ir.sql.dialect import DIALECT, from_sql
from mlspec.ir.sql.formulate import written
from mlspec.ir.sql.glot import exp, sqlglot
from mlspec.ir.sql.traits import SPARK

_TIMES = {"timestamp": "timestamptz", "timestamp_ntz": "timestamp"}

_LOADED = "__loaded"

Lock = Callable[[str], AbstractContextManager[None]]


class SparkLine(Line):
    """`session` is Spark's, `data` the schema in which versions are named, `made` what was written and not noted yet."""

    def __init__(self, session: Callable[[], Any], data: str, notes: Notes, shelf: Shelf, lock: Lock) -> None:
        super().__init__(SPARK)
        self.session, self.data, self.notes, self.shelf, self._lock = session, data, notes, shelf, lock
        self.made: dict[str, dict[str, Any]] = {}
        self._opened: set[str] = set()
        self._noted: dict[str, Note] | None = None

    # -- what the furniture asks ---------------------------------------------------------------------------------------

    def execute(self, statement: str) -> None:
        self.session().sql(statement)

    def fetch(self, query: str) -> Answer:
        frame = self.session().sql(query)
        found = arrow_of(frame)
        types = tuple(logical(f.dataType.simpleString()) for f in frame.schema.fields)
        columns = [c.to_pylist() for c in found.columns]
        return Answer(tuple(frame.columns), types, tuple(zip(*columns, strict=True)) if columns else ())

    def ask(self, tree: exp.Expr) -> Answer:
        return self.fetch(self._words(tree))

    def transaction(self, about: str) -> AbstractContextManager[None]:
        return self._lock(about)

    def kept(self, schema: str) -> Mapping[str, Keep]:
        return {v: Keep(n["keep"]) for v, n in self.noted().items()} if schema == self.data else {}

    def described(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        found = {}
        for name in names:
            try:
                fields = self.session().table(name).schema.fields
            except Exception:  # noqa: BLE001, S112 - it is not there, which the build says with the name of the source
                continue
            found[name] = {f.name: logical(f.dataType.simpleString()) for f in fields}
        return found

    def batches(self, table: exp.Table) -> Iterator[Any]:
        note = self._note(table.name)
        if note["keep"] == Keep.TABLE:
            yield from self.shelf.in_order(self.session(), note)
        else:
            self._open(table.name)
            yield from arrow_of(self.session().table(f"`{table.name}`")).to_batches(max_chunksize=50_000)

    def arrow(self, query: exp.Query) -> Any:
        return arrow_of(self.session().sql(self._words(query)))

    @contextmanager
    def loaded(self, rows: Any) -> Iterator[exp.Table]:
        """Sent to where Spark is, under a name of this session."""
        self.show(_LOADED, frame_of(self.session(), rows))
        try:
            yield exp.Table(this=exp.to_identifier(_LOADED, quoted=True))
        finally:
            self.forget(_LOADED)

    def close(self) -> None:
        for name in self._opened:
            self.session().catalog.dropTempView(name)
        self._opened.clear()

    # -- versions ------------------------------------------------------------------------------------------------------

    def noted(self) -> dict[str, Note]:
        """The notes of all versions, as they are now."""
        self._noted = self.notes.all("version")
        return self._noted

    def keep(self, version: str, relation: Relation, query: exp.Select) -> None:
        """Write the rows of a version, or what its view means; to be noted once they are believed."""
        columns = spark_columns(relation.columns)
        made: dict[str, Any] = {"keep": str(relation.keep), "columns": columns}
        frame = self.session().sql(self._words(query))
        if relation.keep is Keep.VIEW:
            made["query"] = query.sql(DIALECT)
            made["made"] = digest(made["query"])
        else:
            made |= self.shelf.write(version, frame)
        self.forget(version)
        self.made[version] = made

    def stand_for(self, version: str, what: exp.Table, relation: Relation | None) -> None:
        """Let a version be a view of another one, or of the columns that a relation takes of a table."""
        columns = spark_columns(relation.columns) if relation else self._note(what.name)["columns"]
        query = selected(what, relation).sql(DIALECT)
        self.forget(version)
        self.made[version] = {"keep": str(Keep.VIEW), "columns": columns, "query": query, "made": digest(query)}

    def publish(self, version: str, made: Note) -> None:
        """Let others read a version under its name, where a server has names for others."""
        if made["keep"] == Keep.VIEW:
            self.shelf.publish(version, written(sqlglot.parse_one(made["query"], dialect=DIALECT), SPARK))
        else:
            self.shelf.publish(version, self.shelf.selected(made))

    def forget(self, version: str) -> None:
        """What was opened under the name of a version is open no more."""
        if version in self._opened:
            self.session().catalog.dropTempView(version)
            self._opened.discard(version)

    def show(self, name: str, frame: Any) -> None:
        """Let rows from elsewhere have a name in the session."""
        frame.createOrReplaceTempView(name)
        self._opened.add(name)

    def _words(self, tree: exp.Expr) -> str:
        """A tree in Spark's words, over the names of the session."""
        placed = tree.copy()
        for node in list(placed.find_all(exp.Table)):
            if node.db == self.data:
                self._open(node.name)
                node.set("db", None)
        return written(placed, SPARK)

    def _note(self, version: str) -> Note:
        if version in self.made:
            return self.made[version]
        if self._noted is None or version not in self._noted:
            self.noted()
        note = (self._noted or {}).get(version)
        if note is None:
            raise BackendError(f"the warehouse does not hold `{version}`", "run `mlspec apply`", "engine-failed")
        return note

    def _open(self, version: str) -> None:
        if version in self._opened:
            return
        note = self._note(version)
        if note["keep"] == Keep.VIEW:
            frame = self.session().sql(self._words(sqlglot.parse_one(note["query"], dialect=DIALECT)))
        else:
            frame = self.shelf.open(self.session(), note)
        self.show(version, frame)


def logical(name: str) -> str:
    """The logical type of what Spark calls one; its own word where there is none."""
    if name in _TIMES:
        return _TIMES[name]
    kind = from_sql(exp.DataType.build(name, dialect="spark"))
    return str(kind) if kind else name
