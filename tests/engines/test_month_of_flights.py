"""A month of the reference project, made by every engine: every cell of the training dataset agrees with DuckDB's."""

import math
import shutil
from pathlib import Path

import duckdb
import pytest
import yaml
from small_projects import apply, read
from spark_here import ENGINE, needs_spark

SPECS = Path(__file__).resolve().parents[2] / "specs"
DUCKDB = {"type": "duckdb"}

pytestmark = pytest.mark.slow


def month(root: Path, engine: dict) -> list[dict]:
    """The rows of the training dataset of January 2013, in the order of the flights."""
    for name in ("entities", "features", "sources", "data"):
        shutil.copytree(SPECS / name, root / name)
    documents = list(yaml.safe_load_all((SPECS / "training" / "training.yaml").read_text()))
    kept = [{k: v for k, v in d.items() if k != "owner"} for d in documents if d["kind"] in {"dataset", "feature_set"}]
    (root / "training.yaml").write_text(yaml.safe_dump_all(kept))
    project = {"kind": "project", "name": "flights", "spec_version": 1, "environments": {"dev": {"engine": engine}}}
    (root / "mlspec.yaml").write_text(yaml.safe_dump({**project, "default_environment": "dev"}))
    flights = root / "data" / "flights.parquet"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"COPY (SELECT * FROM '{SPECS}/data/flights.parquet' WHERE flight_date < DATE '2013-02-01') TO '{flights}'"
        )
    _, _, applied = apply(root)
    assert applied.ok, [(str(f.address), f.message) for f in applied.failed]
    return sorted(read(root, "dataset.flight_delay"), key=lambda row: row["flight_id"])


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return month(tmp_path_factory.mktemp("duckdb") / "p", DUCKDB)


def same(one, other) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("engine", [pytest.param(ENGINE, id="spark", marks=needs_spark)])
def test_every_cell_agrees(engine, expected, tmp_path):
    found = month(tmp_path / "p", engine)
    assert len(found) == len(expected) > 25_000
    assert [*found[0]] == [*expected[0]]
    wrong = [
        (a["flight_id"], name, a[name], b[name])
        for a, b in zip(found, expected, strict=True)
        for name in a
        if not same(a[name], b[name])
    ]
    assert wrong == [], f"{len(wrong)} cells, such as {wrong[:5]}"
