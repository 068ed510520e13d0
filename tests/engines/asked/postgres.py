"""PostgreSQL, on a server of the tests."""

import os
from dataclasses import replace

from asking import Asked
from servers import postgres

from mlspec.backends.engines._postgres.connect import connect
from mlspec.backends.engines._postgres.line import PostgresLine
from mlspec.backends.engines.postgres import Postgres
from mlspec.ir.sql.traits import POSTGRES


def opened() -> Asked:
    server = postgres()
    database = server.fresh(f"asked_{os.getpid()}")
    raw = connect(Postgres.Settings(dsn=server.dsn(database)))
    raw.execute("SET search_path = public")
    return Asked(PostgresLine(raw, "asked"), POSTGRES, replace(POSTGRES, lateral=False))
