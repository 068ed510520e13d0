"""One SELECT and nothing else: parses what people wrote and refuses what a definition may not contain."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlspec.ir.sql.dialect import DIALECT
from mlspec.ir.sql.forbidden import TABLE_FUNCTIONS, names_a_file, reaches, readers, writers
from mlspec.ir.sql.glot import exp, sqlglot
from mlspec.ir.sql.nodes import Nodes
from mlspec.ir.sql.problem import SqlProblem, SqlProblems, named, place, refuse
from mlspec.ir.sql.reproducible import clock, unsteady


def parse(text: str) -> exp.Query:
    """The tree of one SELECT. Raises SqlProblems."""
    return parsed(text)[0]


def parsed(text: str) -> tuple[exp.Query, Nodes]:
    """The tree of one SELECT, and its nodes. Raises SqlProblems."""
    try:
        trees = [t for t in sqlglot.parse(text, dialect=DIALECT) if t is not None]
    except sqlglot.errors.ParseError as error:
        raise SqlProblems(_hidden_write(text) or _syntax(error, text)) from None
    except sqlglot.errors.TokenError:
        raise SqlProblems(_unclosed(text)) from None
    except RecursionError:
        raise SqlProblems(SqlProblem("invalid-sql", "the SQL is nested too deeply")) from None
    if not trees:
        raise SqlProblems(SqlProblem("invalid-sql", "the query is empty", help="write one SELECT"))
    if len(trees) > 1:
        start, length = _second(text)
        raise SqlProblems(
            SqlProblem(
                "forbidden-sql",
                f"{len(trees)} statements; one SELECT is allowed",
                start,
                length,
                help="remove the rest",
            )
        )
    tree = trees[0]
    nodes = Nodes(tree)
    problems = list(_forbidden(nodes, text))
    if not isinstance(tree, exp.Query) and not problems:
        word, start = _first_word(text)
        problems = [SqlProblem("forbidden-sql", f"expected a SELECT, found `{word}`", start, len(word))]
    refuse(*problems)
    assert isinstance(tree, exp.Query)  # noqa: S101 - said above
    return tree, nodes


def parse_expression(text: str) -> exp.Expr:
    """The tree of one expression over the columns of one relation. Raises SqlProblems."""
    try:
        trees = _after_a_word(text) or sqlglot.parse(text, dialect=DIALECT)
    except sqlglot.errors.ParseError as error:
        raise SqlProblems(_hidden_write(text) or _syntax(error, text)) from None
    except sqlglot.errors.TokenError:
        raise SqlProblems(_unclosed(text)) from None
    except (ValueError, RecursionError):
        raise SqlProblems(SqlProblem("invalid-sql", "the SQL is nested too deeply")) from None
    tree = trees[0] if trees else None
    if tree is None:
        raise SqlProblems(SqlProblem("invalid-sql", "the expression is empty"))
    if len(trees) > 1:
        start, length = _second(text)
        raise SqlProblems(
            SqlProblem("forbidden-sql", "one expression is allowed", start, length, help="remove the rest")
        )
    nodes = Nodes(tree)
    problems = list(_forbidden(nodes, text))
    if not problems and (nodes.of(exp.Query, exp.Table) or isinstance(tree, exp.Alias)):
        problems.append(
            SqlProblem("forbidden-sql", "an expression may not hold a query or an alias", 0, len(text.rstrip()))
        )
    if not problems and nodes.of(exp.AggFunc, exp.Window, exp.Star):
        problems.append(
            SqlProblem(
                "forbidden-sql",
                "an expression is over one row: no aggregates, no windows, no `*`",
                0,
                len(text.rstrip()),
            )
        )
    refuse(*problems)
    return tree


_WORDS = frozenset(
    """
    load set show call copy comment update delete insert merge attach detach pragma install grant revoke explain drop create
    alter analyze use describe cache uncache begin commit rollback export import truncate kill refresh execute
    """.split()
)
"""Words that begin a statement, and may be the name of a column all the same."""


def _after_a_word(text: str) -> list[exp.Expr | None] | None:
    """The expression that begins with a column named like a statement: `load > 1`; nothing where it does not, or is none."""
    first = re.match(
        r"\s*([A-Za-z_]\w*)\s*([^\s\w(.'\"].*|(?:is|in|like|between|and|or|not)\b.*)?\Z",
        text,
        re.IGNORECASE | re.DOTALL,
    )
    if first is None or first[1].lower() not in _WORDS or ";" in text:
        return None
    begin, end = first.span(1)
    try:
        found = sqlglot.parse(f'{text[:begin]}"{first[1].lower()}"{text[end:]}', dialect=DIALECT)
    except (sqlglot.errors.ParseError, sqlglot.errors.TokenError):
        return None
    for node in (n for tree in found if tree is not None for n in tree.walk() if "start" in n.meta):
        node.meta["start"] -= 2 if node.meta["start"] > begin else 0  # the quotes are not the author's
        node.meta["end"] -= 2
    return list(found)


def not_understood(error: BaseException) -> SqlProblem:
    """What sqlglot says about a query that parses but means nothing."""
    said = str(error).splitlines()[0] if isinstance(error, sqlglot.errors.SqlglotError) and str(error) else ""
    said = re.sub(r"<Token[^>]*>|\\x1b\[[0-9;]*m", "", said).split(". Line")[0].rstrip(". ").replace('"', "`")
    return SqlProblem(
        "invalid-sql",
        f"the SQL cannot be understood: {said[:1].lower()}{said[1:]}" if said else "the SQL cannot be understood",
    )


def _forbidden(nodes: Nodes, text: str) -> Iterator[SqlProblem]:
    yield from unsteady(nodes, text)
    suspicious: tuple[type[exp.Expr], ...] = (
        *writers(),
        exp.Placeholder,
        exp.Parameter,
        exp.SessionParameter,
        exp.Table,
        exp.Func,
    )
    for node in nodes.of(*suspicious):
        if isinstance(node, writers()):
            word = _keyword(node)
            at = re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE)
            start = at.start() if at else 0
            yield SqlProblem(
                "forbidden-sql", f"a definition may only read declared sources; found `{word}`", start, len(word)
            )
        elif isinstance(node, (exp.Placeholder, exp.Parameter, exp.SessionParameter)):
            at = re.search(r"\?|\$\w+|:\w+|@\w+", text)
            span = (at.start(), at.end() - at.start()) if at else (0, 1)
            yield SqlProblem(
                "forbidden-sql", "a definition has no parameters", *span, help="`${vars.name}` puts a variable in"
            )
        elif isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier) and names_a_file(node.name):
            message = f"`{node.name}` reaches outside the declared sources"
            yield SqlProblem("forbidden-sql", message, *place(node), help="declare the data as a source")
        elif isinstance(node, exp.Func):
            yield from _function(node, text)


def _function(node: exp.Func, text: str) -> Iterator[SqlProblem]:
    name = (str(node.this) if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
    start, length = named(node, name, text)
    written = text[start : start + length].lower()
    known = {name, written}
    if clock(node, known):
        yield SqlProblem("not-reproducible", f"`{written}` gives another answer each time", start, length,
                         help="use the event time of the row, or a variable")  # fmt: skip
    elif reaches(known) or isinstance(node, readers()):
        yield SqlProblem("forbidden-sql", f"`{written}` reaches outside the declared sources", start, length,
                         help="declare the data as a source")  # fmt: skip
    elif isinstance(node.parent, exp.Table) and not known & TABLE_FUNCTIONS:
        yield SqlProblem("forbidden-sql", f"table function `{written}` is not allowed", start, length)


def _keyword(node: exp.Expr) -> str:
    if isinstance(node, exp.Command):
        return str(node.this).upper()
    return {"truncatetable": "TRUNCATE", "lock": "FOR", "transaction": "BEGIN"}.get(node.key, node.key.upper())


_STATEMENTS = [
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "CREATE",
    "DROP",
    "ALTER",
    "TRUNCATE",
    "COPY",
    "ATTACH",
    "DETACH",
    "INSTALL",
    "LOAD",
    "EXPORT",
    "IMPORT",
    "CALL",
    "PRAGMA",
    "SET",
]
_INNER = re.compile(rf"(?:\A|\()\s*({'|'.join(_STATEMENTS)})\b", re.IGNORECASE)


def _hidden_write(text: str) -> SqlProblem | None:
    """A statement that writes, in a place where no parser expects one."""
    if match := _INNER.search(text):
        word = match[1].upper()
        return SqlProblem(
            "forbidden-sql", f"a definition may only read declared sources; found `{word}`", match.start(1), len(word)
        )
    return None


def _second(text: str) -> tuple[int, int]:
    """The place of the first word of the second statement."""
    tokens = sqlglot.tokenize(text, dialect=DIALECT)
    at = next((i for i, t in enumerate(tokens[:-1]) if t.token_type is sqlglot.TokenType.SEMICOLON), 0)
    second = next((t for t in tokens[at:] if t.token_type is not sqlglot.TokenType.SEMICOLON), tokens[at])
    return second.start, second.end - second.start + 1


def _first_word(text: str) -> tuple[str, int]:
    token = sqlglot.tokenize(text, dialect=DIALECT)[0]
    return token.text.upper(), token.start


def _unclosed(text: str) -> SqlProblem:
    """The tokenizer reads to the end of the text when a quote or a comment is not closed."""
    at = max(text.rfind("'"), text.rfind('"'), text.rfind("/*"), 0)
    return SqlProblem("invalid-sql", "the SQL cannot be read: a quote or a comment is not closed", at, 1)


def _syntax(error: sqlglot.errors.ParseError, text: str) -> SqlProblem:
    first = error.errors[0] if error.errors else {}
    lines = text.split("\n")
    word = str(first.get("highlight") or "")
    end = sum(len(t) + 1 for t in lines[: int(first.get("line") or 1) - 1]) + int(first.get("col") or 0)
    said = str(first.get("description") or "not SQL")
    said = re.sub(r" but got <Token.*| for <class.*", "", said, flags=re.DOTALL).rstrip(". ")
    if said.startswith("Invalid expression") or "Required keyword" in said:
        said = f"`{word}` is not expected here" if word else "something is missing"
        if end >= len(text.rstrip()):
            said = f"something is missing after `{word}`"
    start = min(max(end - len(word), 0), max(len(text) - 1, 0))
    return SqlProblem("invalid-sql", f"the SQL cannot be read: {said[:1].lower()}{said[1:]}", start, max(len(word), 1))
