"""The point-in-time join and windows on what stands in for warehouses in the cloud, cell by cell against the plain reference."""

import emulators
import pytest
from asking import Asked
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st
from oracle import latest
from test_point_in_time import (
    TYPES,
    aggregates,
    asked_of,
    available,
    boundaries,
    by_key,
    check_windows,
    keeps,
    key_names,
    known_columns,
    lateness,
    latest_view,
    maybe_times,
    rows_of,
    same,
    spines,
    table,
    timings,
    without_ties,
)

from mlspec.backends.port import Place
from mlspec.ir.sql.aggregates import ORDERED
from mlspec.ir.sql.spoken import Unspoken

SOME = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
FEW = {"snowflake", "databricks"}
"""What is asked through a server, or by Spark, takes too long for all of them: whole projects run there instead."""


class InNoOrder(Asked):
    """Rows have no order there; what the plan would refuse is not asked."""

    def rows(self, query) -> list[dict]:
        try:
            found = super().rows(query)
        except Unspoken:
            reject()
        return sorted(found, key=lambda row: row.get("n") or 0)

    def make(self, name, relation, traits) -> None:
        try:
            super().make(name, relation, traits)
        except Unspoken:
            reject()


@pytest.fixture(scope="module", params=sorted(set(emulators.LINES) - FEW))
def cloud(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    line = emulators.LINES[request.param](Place(root, root / ".mlspec", "dev", "tests"))
    yield InNoOrder(line)
    line.close()


@SOME
@given(rows_of(tie=st.one_of(st.integers(0, 2), st.none()), until=maybe_times), lateness, timings, key_names, spines)
def test_the_latest_value(cloud, rows, late, timing, names, spine):
    rows = without_ties(available(rows, late), timing, names)
    table(cloud, "view", [*TYPES], rows)
    for answer in asked_of(cloud, spine, [latest_view("view", timing, names)]):
        expected = latest(rows, by_key(answer, names), answer["asked"], timing)
        for feature in ("v", "x"):
            assert same(answer[f"view_{feature}"], expected and expected[feature])


@SOME
@given(
    rows_of(), lateness, st.lists(aggregates(), min_size=1, max_size=2), boundaries, key_names, spines, known_columns, keeps
)  # fmt: skip
def test_windows(cloud, rows, late, written, boundary, names, spine, known, how):
    assume(
        cloud.line.traits.dialect != "bigquery" or not any(w[0] in ORDERED for w in written)
    )  # its `LIMIT` in a list: not here
    check_windows(cloud, rows, late, written, boundary, names, spine, known, **how)
