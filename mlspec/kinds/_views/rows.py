"""Feature views of `latest` values, of `sql`, and computed `on_request`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Problems, known_names
from mlspec.base.digest import digest
from mlspec.base.value import replace
from mlspec.ir.columntype import TIMES
from mlspec.ir.relation import Boundary, Column, Keep, Origin, Relation, Timing
from mlspec.ir.sql.analysis import Analysis
from mlspec.ir.sql.canon import meaning
from mlspec.ir.sql.dialect import DIALECT, column, table
from mlspec.ir.sql.glot import exp
from mlspec.kinds._views.frame import Frame, check_keys, read_source
from mlspec.kinds._views.knowledge import in_advance, lost_available_time, no_history
from mlspec.kinds._views.parts import OnRequest
from mlspec.language.sql import Sql

_CUT = re.compile(r"-|trunc|_sub\b|::\s*date\b|\bdate\b", re.IGNORECASE)
"""What a time that is made earlier has in its words: most are not, and need not be parsed again."""


def latest(frame: Frame, features: Mapping[str, str]) -> Relation:
    """The relation of a view of `latest` values. Raises Problems."""
    relation, columns, _ = read_source(frame)
    timing = relation.timing
    keys = tuple(frame.keys)
    times = [n for n in (timing.event_time, timing.available_time, timing.tie_break) if n]
    rows = digest("latest", relation.rows_digest, sorted(keys))
    address = str(frame.scope.address(frame.source))
    made = [
        replace(columns[n], digest=digest(columns[n].digest, rows), origins=(Origin(address, n),), words=n)
        for n in keys
    ]
    made += [
        replace(columns[n], digest=digest(columns[n].digest, rows), origins=(Origin(address, n),))
        for n in (*times, *([timing.valid_to] if timing.valid_to else []))
        if n not in keys
    ]
    nodes: dict[str, Any] = {c.name: column(c.name) for c in made}
    problems: list[Diagnostic] = []
    for name, text in features.items():
        try:
            node, kind, read = frame.scope.expression(text, columns, "latest", name)
        except Problems as error:
            problems.extend(error.diagnostics)
            continue
        if name in nodes:
            problems.append(frame.scope.error("duplicate-column", f"`{name}` is a key or a time already", "latest"))
        nodes[name] = node
        origins = tuple(Origin(address, n) for n in sorted(read))
        words = columns[text].description if text in columns else ""
        made.append(
            Column(
                name,
                kind,
                digest(meaning(node, columns), rows),
                origins,
                text,
                words,
            )
        )
    if problems:
        raise Problems(problems)
    query = exp.select(*[exp.alias_(n, name, quoted=True) for name, n in nodes.items()]).from_(table(address))
    unique = tuple(dict.fromkeys((*keys, *times))) if timing.event_time else keys
    kept = Timing(
        timing.event_time,
        timing.available_time,
        timing.tie_break,
        frame.boundary or Boundary.INCLUSIVE,
        frame.ttl,
        timing.valid_to,
    )
    return Relation(query.sql(DIALECT), tuple(made), rows, keys=keys, timing=kept, reads=(address,), unique=unique)


def selected(frame: Frame, sql: Sql, times: Mapping[str, str]) -> Relation:
    """The relation of a view of `sql`; `times` says which columns are its event time, available time and tie break."""
    found = frame.scope.analyse(sql, "sql")
    columns = {c.name: c for c in found.columns}
    problems = check_keys(frame, columns, "the SQL")
    for field in ("event_time", "available_time", "tie_break", "valid_to"):
        name = times[field]
        if name and name not in columns:
            problems.append(
                frame.scope.error(
                    "unknown-column",
                    f"the SQL has no column `{name}`",
                    field,
                    help=known_names(name, columns, "column"),
                )
            )
        elif name and field != "tie_break" and columns[name].type.name not in TIMES:
            problems.append(frame.scope.error("wrong-type", f"`{name}` is `{columns[name].type}`, not a time", field))
    problems.extend(_moments(frame, columns, times))
    if not times["event_time"] and (frame.ttl or frame.boundary or times["available_time"] or times["valid_to"]):
        problems.append(frame.scope.error("missing-event-time", f"`{frame.name}` has no `event_time`, so its rows are constant", "name",
                                    help="add `event_time`, or remove `ttl`, `boundary`, `available_time`, `valid_to`"))  # fmt: skip
    if not times["available_time"] and not frame.known_in_advance:
        problems.extend(lost_available_time(frame.scope, found.reads, frame.name, "sql"))
    if not (times["available_time"] or frame.known_in_advance):
        problems.extend(no_history(frame.scope, found.reads, frame.name, "sql"))
    if problems:
        raise Problems(problems)
    _warn_ahead(frame, found, sql, times)
    keys = tuple(frame.keys)
    timing = Timing(
        times["event_time"],
        times["available_time"] if times["available_time"] != times["event_time"] else "",
        times["tie_break"],
        frame.boundary or Boundary.INCLUSIVE,
        frame.ttl,
        times["valid_to"],
    )
    stamps = (times[n] for n in ("event_time", "available_time", "tie_break") if times[n])
    unique = tuple(dict.fromkeys((*keys, *stamps)))
    return Relation(found.query, found.columns, found.rows_digest, keys=keys, timing=timing, reads=found.reads, unique=unique,
                    unknown=found.unknown)  # fmt: skip


def _moments(frame: Frame, columns: Mapping[str, Column], times: Mapping[str, str]) -> Iterator[Diagnostic]:
    """A day is known when it has ended, and its SQL must say so; two times that are compared have a zone both, or none."""
    event, available = columns.get(times["event_time"]), columns.get(times["available_time"])
    if available is not None and available.type.name == "date":
        yield frame.scope.error("date-as-moment", f"`{available.name}` is a `date`, and a row becomes known at a moment",
                                "available_time", help=f"select `{available.name} + INTERVAL 1 DAY`: a day is known at its end")  # fmt: skip
    if event is not None and event.type.name == "date" and available is None:
        yield frame.scope.error("date-as-moment", f"`{event.name}` is a `date`: its rows are known when the day has ended, and nothing says when that is",
                                "event_time", help=f"select `{event.name} + INTERVAL 1 DAY AS known_at`, and add `available_time: known_at`")  # fmt: skip
    if (
        event is not None
        and available is not None
        and {event.type.name, available.type.name} == {"timestamp", "timestamptz"}
    ):
        yield frame.scope.error("naive-aware-comparison", f"`{event.name}` is `{event.type}`, `{available.name}` is `{available.type}`",
                                "available_time", help="one has a time zone and the other has none: declare `timezone` on the source, or cast")  # fmt: skip


def _moment(times: Mapping[str, str]) -> str:
    """The field that says when rows are known."""
    return "available_time" if times["available_time"] else "event_time"


def _cut(found: Analysis, times: Mapping[str, str]) -> Column | None:
    """The time at which rows are known, if it may be made earlier than the one that was read."""
    return next((c for c in found.columns if c.name == times[_moment(times)] and _CUT.search(c.words)), None)


def _warn_early(frame: Frame, column: Column, times: Mapping[str, str]) -> None:
    """A time that is made earlier than the one that was read says that rows are known before they happened."""
    if not _is_earlier(column.words):
        return
    field = _moment(times)
    read = [o for o in column.origins if o.column in _times_of(frame, o.address)]
    if read:
        message = f"`{column.name}` of `{frame.name}` is earlier than `{read[0].address}.{read[0].column}`, so its rows count as known before they happened"
        help_ = (
            "name a time at which they are known: a day is known at its end, `date_trunc('day', t) + INTERVAL 1 DAY`"
        )
        frame.scope.warnings.append(frame.scope.warning("known-too-early", message, field, help=help_))


def _is_earlier(words: str) -> bool:
    from mlspec.ir.sql.ahead import is_earlier  # noqa: PLC0415 - start-up time: it brings sqlglot
    from mlspec.ir.sql.parse import parse  # noqa: PLC0415

    return is_earlier(parse(f"SELECT {words}").selects[0].unalias())


def _times_of(frame: Frame, address: str) -> set[str]:
    timing = frame.scope.relation(Address.parse(address)).timing
    return {t for t in (timing.event_time, timing.available_time) if t}


def _warn_ahead(frame: Frame, found: Analysis, sql: Sql, times: Mapping[str, str]) -> None:
    """SQL may look at later rows only where those are known in advance."""
    timed = [
        a for a in found.reads if not times["event_time"] and frame.scope.relation(Address.parse(a)).timing.event_time
    ]
    cut = _cut(found, times)
    if not (found.ahead or timed or cut) or frame.known_in_advance:
        return
    if found.reads and all(in_advance(frame.scope, a) for a in found.reads):  # asked last, for it asks all that is read
        return
    frame.scope.warn(found.ahead, sql, "sql")
    if cut is not None:
        _warn_early(frame, cut, times)
    if timed and not found.ahead:
        message = f"`{frame.name}` has no `event_time`, so its rows answer at all times, also before those of `{timed[0]}` happened"
        help_ = "add `event_time:`; if these rows are known in advance, say `known_in_advance: true`"
        frame.scope.warnings.append(frame.scope.warning("looks-ahead", message, "sql", help=help_))


def requested(frame: Frame, asked: OnRequest) -> Relation:
    """The columns of a view computed `on_request`; it has no rows. Raises Problems."""
    inputs = {n: Column(n, k, digest("request", n, str(k))) for n, k in asked.inputs.items()}
    made: list[Column] = []
    problems: list[Diagnostic] = []
    for name, text in sorted(asked.features.items()):
        try:
            node, kind, _ = frame.scope.expression(text, inputs, "on_request", "features", name)
        except Problems as error:
            problems.extend(error.diagnostics)
            continue
        made.append(Column(name, kind, digest(meaning(node, inputs)), (), node.sql(DIALECT)))
    if problems:
        raise Problems(problems)
    return Relation("", tuple(made), "", Keep.VIEW)
