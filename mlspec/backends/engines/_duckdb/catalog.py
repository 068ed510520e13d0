"""What DuckDB keeps beside the data: which versions there are, who points to them, what checks found."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from mlspec.backends.port import CheckResult, Size
from mlspec.base.address import Address

SCHEMA = "mlspec_data"

_TABLES = (
    f'CREATE SCHEMA IF NOT EXISTS "{SCHEMA}"',
    f'CREATE TABLE IF NOT EXISTS "{SCHEMA}"."_versions" (version VARCHAR PRIMARY KEY, address VARCHAR, rows BIGINT, bytes BIGINT, reads VARCHAR[])',
    f'CREATE TABLE IF NOT EXISTS "{SCHEMA}"."_pointers" (environment VARCHAR, address VARCHAR, name VARCHAR, version VARCHAR, PRIMARY KEY (environment, address))',
    f'CREATE TABLE IF NOT EXISTS "{SCHEMA}"."_checks" (environment VARCHAR, subject VARCHAR, measured_at TIMESTAMPTZ, results JSON)',
)


def prepare(connection: Any) -> None:
    """Make the tables of the catalog, if they are not there."""
    for statement in _TABLES:
        connection.execute(statement)


def _there(connection: Any) -> bool:
    query = "SELECT count(*) FROM duckdb_tables() WHERE schema_name = ? AND table_name = '_versions'"
    return bool(connection.execute(query, [SCHEMA]).fetchone()[0])


def versions(connection: Any) -> dict[str, Size]:
    """The versions that are whole: recorded, and really there."""
    if not _there(connection):
        return {}
    query = f"""
        SELECT v.version, v.rows, v.bytes FROM "{SCHEMA}"."_versions" AS v
        WHERE v.version IN (
            SELECT table_name FROM duckdb_tables() WHERE schema_name = '{SCHEMA}'
            UNION ALL SELECT view_name FROM duckdb_views() WHERE schema_name = '{SCHEMA}')
    """
    return {v: Size(int(r), int(b)) for v, r, b in connection.execute(query).fetchall()}


def pointers(connection: Any, environment: str) -> dict[str, str]:
    """From address to version, for the public names of an environment that are really there."""
    if not _there(connection):
        return {}
    query = f"""
        SELECT p.address, p.version FROM "{SCHEMA}"."_pointers" AS p
        WHERE p.environment = ? AND p.name IN (SELECT view_name FROM duckdb_views() WHERE schema_name = ?)
    """
    return dict(connection.execute(query, [environment, environment]).fetchall())


def record(connection: Any, address: str, version: str, size: Size, reads: Iterable[str]) -> None:
    """Note that a version is whole."""
    statement = f'INSERT OR REPLACE INTO "{SCHEMA}"."_versions" VALUES (?, ?, ?, ?, ?)'
    connection.execute(statement, [version, address, size.rows, size.bytes, list(reads)])


def discard(connection: Any, version: str) -> None:
    """Remove what is left of a version."""
    kinds = connection.execute(
        "SELECT 'TABLE' FROM duckdb_tables() WHERE schema_name = ? AND table_name = ? "
        "UNION ALL SELECT 'VIEW' FROM duckdb_views() WHERE schema_name = ? AND view_name = ?",
        [SCHEMA, version, SCHEMA, version],
    ).fetchall()
    for (kind,) in kinds:
        connection.execute(f'DROP {kind} "{SCHEMA}"."{version}"')
    connection.execute(f'DELETE FROM "{SCHEMA}"."_versions" WHERE version = ?', [version])


def point(connection: Any, environment: str, address: Address, version: str) -> None:
    """Let the public name mean a version; the name of two kinds at once is told apart by its kind."""
    taken = connection.execute(
        f'SELECT count(*) FROM "{SCHEMA}"."_pointers" WHERE environment = ? AND name = ? AND address <> ?',
        [environment, address.name, str(address)],
    ).fetchone()[0]
    name = f"{address.kind}__{address.name}" if taken else address.name
    connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{environment}"')
    connection.execute(f'CREATE OR REPLACE VIEW "{environment}"."{name}" AS SELECT * FROM "{SCHEMA}"."{version}"')
    statement = f'INSERT OR REPLACE INTO "{SCHEMA}"."_pointers" VALUES (?, ?, ?, ?)'
    connection.execute(statement, [environment, str(address), name, version])


def remove(connection: Any, environment: str, address: Address) -> None:
    """Take a public name away, and the versions of its address that nothing reachable needs."""
    table = f'"{SCHEMA}"."_pointers"'
    found = connection.execute(
        f"SELECT name FROM {table} WHERE environment = ? AND address = ?", [environment, str(address)]
    ).fetchall()
    for (name,) in found:
        connection.execute(f'DROP VIEW IF EXISTS "{environment}"."{name}"')
    connection.execute(f"DELETE FROM {table} WHERE environment = ? AND address = ?", [environment, str(address)])
    rows = connection.execute(f'SELECT version, address, reads FROM "{SCHEMA}"."_versions"').fetchall()
    pointed = {v for (v,) in connection.execute(f"SELECT version FROM {table}").fetchall()}
    needed = _reachable({v: list(reads or []) for v, _, reads in rows}, pointed)
    for version in _left_behind(str(address), rows, needed, _named(connection)):
        discard(connection, version)
    if not connection.execute(f"SELECT count(*) FROM {table} WHERE environment = ?", [environment]).fetchone()[0]:
        left = connection.execute(
            "SELECT count(*) FROM duckdb_views() WHERE schema_name = ?", [environment]
        ).fetchone()[0]
        if not left and environment != "main":
            connection.execute(f'DROP SCHEMA IF EXISTS "{environment}"')


def _named(connection: Any) -> set[str]:
    """The addresses that have a public name in some environment."""
    return {a for (a,) in connection.execute(f'SELECT DISTINCT address FROM "{SCHEMA}"."_pointers"').fetchall()}


def _left_behind(
    address: str, rows: Iterable[tuple[str, str, list[str]]], needed: set[str], named: set[str]
) -> list[str]:
    """The versions of an address that nothing needs, and what only those stood on: versions of addresses that are gone."""
    owners = {version: owner for version, owner, _ in rows}
    gone = [version for version, owner in owners.items() if owner == address and version not in needed]
    below = _reachable({version: list(reads or []) for version, _, reads in rows}, gone) - needed - set(gone)
    return [*gone, *sorted(v for v in below if v in owners and owners[v] not in named)]


def _reachable(reads: Mapping[str, list[str]], start: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    todo = list(start)
    while todo:
        version = todo.pop()
        if version not in seen:
            seen.add(version)
            todo.extend(reads.get(version, []))
    return seen


def keep_results(connection: Any, environment: str, subject: str, results: Iterable[CheckResult]) -> None:
    """Keep what the checks of a subject found now."""
    rows = [
        {"name": r.name, "severity": r.severity, "failed": r.failed, "total": r.total, "passed": r.passed}
        for r in results
    ]
    statement = f'INSERT INTO "{SCHEMA}"."_checks" VALUES (?, ?, now(), ?)'
    connection.execute(statement, [environment, subject, json.dumps(rows)])


def results(connection: Any, environment: str, subject: str) -> tuple[CheckResult, ...]:
    """What the checks of a subject found when they ran last."""
    if not _there(connection):
        return ()
    query = f'SELECT results FROM "{SCHEMA}"."_checks" WHERE environment = ? AND subject = ? ORDER BY measured_at DESC LIMIT 1'
    found = connection.execute(query, [environment, subject]).fetchone()
    rows = json.loads(found[0]) if found else []
    return tuple(CheckResult(r["name"], r["severity"], r["failed"], r["total"], r["passed"]) for r in rows)
