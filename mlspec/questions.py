"""The verbs that ask what was applied: rows of it, and features for many rows at once."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlspec.apply.claims import claims_of
from mlspec.backends.chosen import Backends
from mlspec.backends.port import BackendError, Rows
from mlspec.base.address import Address
from mlspec.base.diag import known_names, problem
from mlspec.compile.project import Compiled
from mlspec.ir.relation import Relation
from mlspec.ir.resource import physical_name
from mlspec.ir.spine import SPINE
from mlspec.state.model import State
from mlspec.verify import Verified, verified

if TYPE_CHECKING:  # start-up time: it brings sqlglot
    from mlspec.compile.retrieval import Choice


class Questions(ABC):
    """The part of a session that asks. Nothing is read but what was applied."""

    @property
    @abstractmethod
    def compiled(self) -> Compiled:
        """The project, compiled once."""

    @property
    @abstractmethod
    def backends(self) -> Backends:
        """The backends of the environment."""

    @property
    @abstractmethod
    def environment(self) -> str:
        """The environment that is worked in."""

    @abstractmethod
    def recorded(self) -> tuple[State, str | None]:
        """The recorded state and its text; a new one, and None, where there is none yet."""

    def query(self, what: str, *, where: str = "", columns: Sequence[str] = (), at: str = "", keys: Mapping[str, str] | None = None,
              limit: int = 20) -> Rows:  # fmt: skip
        """Rows of what was applied: of a relation, of a SELECT over them, or a feature view's values for keys at a time."""
        from mlspec.compile.question import question, relation_address  # noqa: PLC0415 - start-up time: it brings sqlglot

        asked = question(self.compiled, what, where=where, columns=columns, at=at, keys=dict(keys or {}))
        if asked.as_of is not None:
            self._as_described((relation_address(self.compiled, what), *map(Address.parse, asked.reads)))
        live = self._live(asked.reads)
        with self._all_there(asked.reads, live):
            return self.backends.engine.rows(asked, live, limit)

    def features(self, features: Sequence[str], spine: Any, *, at: str = "event_time") -> Any:
        """An Arrow table of the rows of a spine, in their order, with the values that each feature had when each row asked.

        `features` are `feature_set.x`, `feature_view.x`, `view.feature` or `view.*`. The spine is a path, one SELECT over
        what was applied, a data frame of pandas or polars, an Arrow table or a list of dictionaries. `at` is its column
        with the time at which each row asks, or one moment for all rows.
        """
        from mlspec.compile.question import understood  # noqa: PLC0415 - start-up time: it brings sqlglot
        from mlspec.compile.retrieval import check_spine, choose, of_query  # noqa: PLC0415 - start-up time: it brings sqlglot

        choice = choose(self.compiled, features)
        self._as_described(choice.needs)
        if isinstance(spine, str) and is_select(spine):
            found = understood(self.compiled, spine)
            check_spine(choice, {c.name: c.type for c in found.columns}, at)
            asked = of_query(choice, found, at)
            self._as_described(map(Address.parse, asked.reads))
            live = self._live(asked.reads)
            with self._all_there(asked.reads, live):
                return self.backends.engine.retrieve(asked, live)
        return self._of_rows(choice, spine, at)

    def _of_rows(self, choice: "Choice", spine: Any, at: str) -> Any:
        """Only what the join needs goes into the engine; what comes back is put beside the rows as they came."""
        from mlspec.backends.outside.spine import as_arrow, read_spine, to_load, types_of  # noqa: PLC0415 - start-up time: it brings sqlglot
        from mlspec.compile.retrieval import check_spine, of_numbered  # noqa: PLC0415 - start-up time: it brings sqlglot

        needed = {name: kind for name, (kind, _) in choice.needed().items()}
        wanted = {**choice.times(at), **needed}
        rows = read_spine(Path(spine), wanted) if isinstance(spine, str | Path) else as_arrow(spine)
        types = types_of(rows, wanted)
        check_spine(choice, types, at)
        asked, names = of_numbered(choice, types, at)
        self._as_described(a for a in map(Address.parse, asked.reads) if str(a) != SPINE)
        live = self._live(asked.reads)
        with self._all_there(asked.reads, live):
            found = self.backends.engine.retrieve(asked, live, to_load(rows, types, names))
        for name in found.column_names:
            rows = rows.append_column(name, found.column(name))
        return rows

    def certificate(self, address: str) -> Mapping[str, Any]:
        """The certificate of a dataset as it was applied."""
        found = self._certified(self._dataset(address))
        if found is None:
            message = f"`{address}` was built by a version of mlspec that gave no certificates"
            raise problem("no-certificate", message, help=f"`mlspec apply --replace {address}` builds it again")
        return found

    def verify(self, address: str) -> Verified:
        """Whether a dataset could be made again now as its certificate says, and what differs if not."""
        found = self.certificate(address)
        resources = self.compiled.desired
        physical = {
            str(r.address): physical_name(str(r.address), r.body) for r in resources if isinstance(r.body, Relation)
        }
        claims = claims_of(resources, self._dataset(address), physical)
        assert claims is not None  # noqa: S101 - it is a dataset
        size = self.backends.engine.observe().versions.get(found["version"])
        engine = {"type": self.backends.name("engine"), "version": self.backends.engine.release()}
        question = f"SELECT count(*) AS n FROM {self._dataset(address)}"  # noqa: S608 - an address is a name
        rows = int(self.query(question).rows[0][0]) if size else None  # counted now: what is noted says what there was
        return verified(found, claims, rows, engine)

    def _dataset(self, text: str) -> Address:
        known = {
            str(r.address): r.address
            for r in self.compiled.desired
            if r.address.kind == "dataset" and not r.address.part
        }
        known |= {a.name: a for a in known.values()}
        if text not in known:
            raise problem("unknown-address", f"there is no dataset `{text}`", help=known_names(text, known, "dataset"))
        return known[text]

    def _certified(self, address: Address) -> Mapping[str, Any] | None:
        record = self.recorded()[0].get(address)
        if record is None:
            raise self._not_applied(str(address))
        return self.backends.engine.certificate(str(record.outputs["version"]))

    def _live(self, reads: Iterable[str]) -> dict[str, str]:
        """From address to the version that was applied, of everything; what is read must be there."""
        state, _ = self.recorded()
        live = {str(r.address): str(r.outputs["version"]) for r in state if r.form == "relation"}
        missing = [a for a in reads if a not in live and a != SPINE]
        if missing:
            raise self._not_applied(missing[0])
        return live

    @contextmanager
    def _all_there(self, reads: Sequence[str], live: Mapping[str, str]) -> Iterator[None]:
        """Where the engine fails, say first what is gone that was applied: its own words name what nobody wrote."""
        try:
            yield
        except BackendError as error:
            there = self.backends.engine.observe().versions
            gone = sorted((a for a, version in live.items() if version not in there), key=lambda a: a not in reads)
            if not gone:
                raise
            message = f"`{gone[0]}` was applied, but what it made is no longer in the warehouse"
            help_ = "`mlspec plan` shows it, `mlspec apply` makes it again"
            if gone[0] in reads:
                raise problem("not-applied", message, help=help_) from None
            raise BackendError(str(error), f"{message}: {help_}", error.code) from None

    def _as_described(self, needed: Iterable[Address]) -> None:
        """Raise Problems unless all of it was applied as the files describe it."""
        state, _ = self.recorded()
        for address in needed:
            record = state.get(address)
            if record is None:
                raise self._not_applied(str(address))
            if record.digest != self.compiled.desired.resources[address].digest:
                message = f"`{address}` is applied in another version than the files describe"
                raise problem("not-applied", message, help="run `mlspec apply`")

    def _not_applied(self, address: str) -> Exception:
        message = f"`{address}` has not been applied in environment `{self.environment}`"
        return problem("not-applied", message, help="run `mlspec apply`")


def is_select(text: str) -> bool:
    """Whether a text is SQL and no path."""
    return (
        text.strip().partition(" ")[0].partition("\n")[0].upper() in {"SELECT", "WITH", "FROM"}
        and len(text.split()) > 1
    )
