"""What the warehouse says of our tables and views, and what it said when they were made: whoever alters one by hand is seen."""

from collections.abc import Mapping

from mlspec.backends.engines._warehouse.line import Line
from mlspec.backends.engines._warehouse.names import Names
from mlspec.backends.engines._warehouse.trees import delete, insert, table
from mlspec.backends.found import Altered
from mlspec.base.value import dataclass
from mlspec.ir.sql.dialect import column
from mlspec.ir.sql.glot import exp, sqlglot

TABLES = {"_shapes": {"schema_name": "VARCHAR", "name": "VARCHAR", "shape": "VARCHAR"}}

Place = tuple[str, str]
"""A schema and a name in it."""


@dataclass(frozen=True)
class Shapes:
    """The shape of a view is its definition, that of a table its columns, both in the engine's own words."""

    line: Line
    names: Names

    def now(self) -> Mapping[Place, str]:
        """Those of everything in the schemas of the environment, in one question; nothing where the engine cannot say it."""
        return self.line.shapes((self.names.data, self.names.public))

    def made(self) -> dict[Place, str]:
        """Those that were noted when things were made, in one question."""
        if "_shapes" not in self.line.kept(self.names.data):
            return {}
        query = exp.select(column("schema_name"), column("name"), column("shape"))
        return {(s, n): t for s, n, t in self.line.ask(query.from_(table(self.names.data, "_shapes"))).rows}

    def altered(self, made: Mapping[Place, str], now: Mapping[Place, str]) -> dict[Place, Altered]:
        """What is there and not as it was made."""
        both = made.keys() & now.keys()
        return {p: Altered(made[p], now[p]) for p in sorted(both) if not self._same(made[p], now[p])}

    def _same(self, made: str, now: str) -> bool:
        """Whether two texts mean the same: another release of the engine may lay a definition out anew."""
        return made == now or self._canonical(made) == self._canonical(now)

    def _canonical(self, text: str) -> str:
        try:
            return sqlglot.parse_one(text.strip().rstrip(";"), dialect=self.line.traits.dialect).sql(comments=False)
        except sqlglot.errors.SqlglotError:
            return text  # the columns of a table are no statement

    def target(self, text: str) -> str:
        """The table of ours that a definition reads, if it reads one and nothing else."""
        try:
            tree = sqlglot.parse_one(text.strip().rstrip(";"), dialect=self.line.traits.dialect)
        except sqlglot.errors.SqlglotError:
            return ""
        query = tree.expression if isinstance(tree, exp.Create) else tree
        read = list(query.find_all(exp.Table)) if query else []
        plain = isinstance(query, exp.Select) and not any(
            query.args.get(k) for k in ("where", "joins", "limit", "group")
        )
        return read[0].name if plain and len(read) == 1 and read[0].db == self.names.data else ""

    def note(self, schema: str, name: str) -> None:
        """Note what something is like that was just made."""
        shape = self.line.shapes((schema,)).get((schema, name))
        if shape is None:
            return
        self.erase(schema, name)
        row = (schema, name, shape)
        self.line.run(insert(table(self.names.data, "_shapes"), tuple(TABLES["_shapes"]), [row]))

    def erase(self, schema: str, name: str) -> None:
        """Forget what something was like."""
        self.line.run(delete(table(self.names.data, "_shapes"), schema_name=schema, name=name))
