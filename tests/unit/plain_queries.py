"""Random queries over random tables: most of them plain, some of them not, many of them wrong."""

import re
from random import Random
from typing import Any

from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Column, Relation, Timing

Tables = dict[str, tuple[str, Relation]]
_TYPES = ("boolean", "int32", "int64", "float32", "float64", "string", "date", "timestamp", "timestamptz", "decimal(10,2)", "array<string>", "json")  # fmt: skip
_NUMBERS = ("int32", "int64", "float64")


class Queries:
    """What a seed makes: tables with columns of all types, and queries over them."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.wild = self.chance(0.4)
        """Whether things stand beside each other that do not go together."""
        self.tables: Tables = {name: self._table(name) for name in ("events", "users", "orders")}
        self.seen: list[tuple[str, list[str]]] = []
        self.last = ""
        """The step that comes next in FROM, so that each is read."""

    def query(self) -> str:
        """One query: a SELECT, maybe with steps before it."""
        env = {self.one(n, a): list(r.names) for n, (a, r) in self.tables.items()}
        steps = []
        for i in range(self.one(0, 0, 1, 2)):
            text, names = self.select(env)
            name = self.one(*[f"step{i}"] * 8, "a", "events")
            steps.append(f"{name} AS ({text})")
            env = {name: names, **(env if self.chance(0.8) else {})}
            self.last = "" if self.wild else name
        text, _ = self.select(env)
        return (f"WITH {', '.join(steps)} " if steps else "") + text

    def spoilt(self, query: str) -> str:
        """A query with one word too many, too few or elsewhere."""
        parts = re.findall(r"\w+|'[^']*'|\s+|.", query)
        at = self.random.randrange(len(parts))
        other = self.one(
            *parts,
            " ",
            "-",
            "(",
            ")",
            ".",
            "'",
            "::int",
            " NOT ",
            " x",
            " IS NULL",
            "--c\n",
            "/*c*/",
            "key",
            "user",
            ";",
        )
        parts[at : at + self.one(0, 1)] = self.one([], [other])
        return "".join(parts)

    # -- tables --------------------------------------------------------------------------------------------------------

    def _table(self, name: str) -> tuple[str, Relation]:
        kinds = {
            "k": "int64",
            "ts": self.one("timestamp", "timestamp", "timestamptz", "date"),
            "at": "timestamp",
            "s": "string",
            "b": "boolean",
        }
        kinds |= {f"n{i}": self.one(*_NUMBERS) for i in range(3)} | {
            f"{name[0]}{i}": self.one(*_TYPES) for i in range(3)
        }
        columns = tuple(Column(c, ColumnType.parse(t), f"{name}{c}") for c, t in kinds.items())
        timing = Timing("ts" if self.chance(0.3) else "")
        return f"{self.one('source', 'feature_view')}.{name}", Relation("", columns, f"rows{name}", timing=timing)

    # -- selects -------------------------------------------------------------------------------------------------------

    def select(self, env: dict[str, list[str]]) -> tuple[str, list[str]]:
        """A SELECT and the names of its columns."""
        tail = self.sources(env)
        if self.chance(0.5):
            tail += f" WHERE {self.condition(2)}"
        columns: dict[str, str] = {}
        if self.chance(0.35):
            keys = [self.one(self.column(), self.time(1)) for _ in range(self.one(0, 1, 2))]
            columns |= {f"g{i}": k for i, k in enumerate(keys)}
            columns |= {f"n{i}": self.aggregate() for i in range(self.one(1, 2))}
            tail += f" GROUP BY {', '.join(keys)}" if keys else ""
            tail += f" HAVING {self.one(self.aggregate(), self.one(*columns))} > 1" if self.chance(0.2) else ""
        else:
            for i in range(self.one(1, 2, 3)):
                make = {"n": self.number, "s": self.text, "b": self.condition, "t": self.time}
                kind = self.one(*make)
                columns[f"{kind}{i}"] = make[kind](2)
            if self.chance(0.5):
                columns["k"] = self.column("k")
        listed = ", ".join(f"{v} AS {n}" if v != n else v for n, v in columns.items())
        if self.chance(0.1):
            return f"SELECT {self.one('*', f'{self.seen[-1][0]}.*')}, {listed}{tail}", list(columns)
        return f"SELECT {self.one(*[''] * 9, 'DISTINCT ')}{listed}{tail}", list(columns)

    def sources(self, env: dict[str, list[str]]) -> str:
        """FROM and the joins of a SELECT."""
        said, self.seen = "", []
        count = self.one(1, 1, 2, 3)
        for i in range(count):
            table = self.last if self.last and not i else self.one(*env)
            alias = self.one(f"t{i}", f"t{i}", table.split(".")[-1])
            self.seen.append((alias, env[table]))
            named = f"{table}{self.one(' AS', '')} {alias}" if alias == f"t{i}" else table
            on = self.one(
                f"{alias}.k = {self.seen[0][0]}.k", f"{self.seen[0][0]}.k = {alias}.k AND {self.condition(1)}"
            )
            said += (
                f" {self.one('JOIN', 'INNER JOIN', 'LEFT JOIN', 'left outer join')} {named} ON {on}"
                if i
                else f" FROM {named}"
            )
        return said

    def column(self, begins: str = "") -> str:
        """A column, most often one whose name begins so."""
        pairs = [(t, c) for t, columns in self.seen for c in columns]
        wanted = [p for p in pairs if p[1].startswith(begins)]
        table, name = self.one(*(wanted if wanted and not (self.wild and self.chance(0.1)) else pairs))
        return f"{table}.{name}" if len(self.seen) > 1 or self.chance(0.3) else name

    # -- expressions ---------------------------------------------------------------------------------------------------

    def number(self, depth: int) -> str:
        """A number, or what should be one."""
        if depth <= 0 or self.chance(0.3):
            return self.one(*[self.column("n")] * 4, str(self.random.randint(0, 20)), "2.5")
        near, far = self.number(depth - 1), self.number(depth - 1)
        return self.one(
            *(f"{near} {sign} {far}" for sign in "+-*/%"), f"({near} + {far})", f"-{near}", f"coalesce({near}, {far})", f"NULLIF({near}, 0)",
            f"{self.one('abs', 'round', 'floor', 'ceil', 'sqrt')}({near})", f"{self.one('greatest', 'least')}({near}, {far})",
            f"CAST({self.one(near, self.text(0))} AS {self.one('double', 'BIGINT', 'INTEGER')})", f"round({near}, 2)", f"({near})::INT",
            f"CASE WHEN {self.condition(depth - 1)} THEN {near} {self.one('', 'ELSE NULL', f'ELSE {far}')} END", f"length({self.text(0)})",
        )  # fmt: skip

    def time(self, depth: int) -> str:
        """A time, or what should be one."""
        leaf = self.column(self.one("t", "at"))
        if depth <= 0:
            return leaf
        below = self.time(depth - 1)
        return self.one(
            leaf, f"{below} {self.one('+', '-')} INTERVAL {self.one('1 DAY', '15 minute')}", f"date_trunc('{self.one('day', 'hour')}', {below})",
            f"CASE WHEN {self.condition(0)} THEN {below} ELSE {leaf} END", f"({below})", f"coalesce({below}, {leaf})",
        )  # fmt: skip

    def text(self, depth: int) -> str:
        """A text, or what should be one."""
        leaf = self.one(*[self.column("s")] * 3, "'x'", "'2024-01-01'", "'now'" if self.wild else "''")
        if depth <= 0:
            return leaf
        return self.one(
            leaf, f"{self.one('lower', 'upper', 'trim')}({leaf})", f"CAST({self.one(self.number(1), self.column())} AS VARCHAR)",
            f"coalesce({leaf}, {self.text(depth - 1)})", f"CASE WHEN {self.condition(0)} THEN {leaf} ELSE {self.text(depth - 1)} END",
        )  # fmt: skip

    def condition(self, depth: int) -> str:
        """A condition, or what should be one."""
        near, far = self.number(depth - 1), self.number(depth - 1)
        compared = f"{near} {self.one('=', '<>', '!=', '<', '<=', '>', '>=')} {far}"
        if depth <= 0:
            return compared
        moment = self.text(0) if self.wild else "'2024-01-01'"
        return self.one(
            compared, f"{self.condition(depth - 1)} {self.one('AND', 'OR')} {self.condition(depth - 1)}", f"({self.condition(depth - 1)})",
            f"NOT {self.condition(depth - 1)}", f"{near} IS {self.one('', 'NOT ')}NULL", f"{near} {self.one('', 'NOT ')}IN (1, 2.5)",
            f"{near} {self.one('', 'NOT ')}BETWEEN {far} AND {self.number(0)}", f"{self.text(1)} LIKE 'x%'", f"{self.text(1)} = {self.text(0)}",
            f"{self.time(1)} {self.one('>', '<=')} {self.one(moment, self.time(1))}", self.column("b"), "TRUE",
            f"{self.column()} = {self.column()}" if self.wild else compared,
        )  # fmt: skip

    def aggregate(self) -> str:
        """An aggregate, or something made of one."""
        value = self.one(
            "count(*)", f"count({self.one('', 'DISTINCT ')}{self.column()})", f"max({self.time(1)})",
            f"{self.one('sum', 'avg', 'MIN', 'max')}({self.number(1)})",
        )  # fmt: skip
        return self.one(value, value, f"coalesce({value}, 0)", f"CAST({value} AS DOUBLE)")

    # -- dice ----------------------------------------------------------------------------------------------------------

    def one(self, *of: Any) -> Any:
        return self.random.choice(of)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability
