"""What holds for every backend that can be had here: nothing to do after an apply, and the same plan whatever the hash seed."""

import json
import os
import subprocess
import sys

import pytest
import smallest
from servers import postgres
from small_projects import actions, apply, plan
from spark_here import ENGINE, needs_spark

KINDS = ["deployment", "monitor", "policy", "source_of_query"]
PLAN = """
import json, sys
from pathlib import Path
from mlspec.plan.file import to_json
from mlspec.session import Session
with Session(Path(sys.argv[1])) as session:
    planned = session.plan()
    print(json.dumps([to_json(planned.plan), dict(planned.artifacts)]))
"""


def chosen(name, root):
    """The backends of an environment, by the name of a combination."""
    if name == "postgres":
        server = postgres()
        return {"engine": {"type": "postgres", "dsn": server.dsn(server.fresh(f"every_{os.getpid()}"))}}
    if name == "spark":
        return {"engine": ENGINE}
    return {"duckdb": {}, "kubernetes": {"deploy_target": "kubernetes"}}[name]


@pytest.fixture(scope="module", params=["duckdb", "kubernetes", "postgres", pytest.param("spark", marks=needs_spark)])
def applied(request, tmp_path_factory):
    """Everything there is, applied to some backends."""
    root = tmp_path_factory.mktemp(request.param)
    documents = {json.dumps(d, sort_keys=True): d for kind in KINDS for d in smallest.documents(kind)}
    smallest.write_data(root)
    smallest.write_blocks(root, list(documents.values()), **chosen(request.param, root))
    _, _, done = apply(root)
    assert done.ok, done.failed
    return root


@pytest.mark.parametrize("refresh", [True, False])
def test_nothing_is_left_to_do(applied, refresh):
    assert actions(plan(applied, refresh=refresh)) == []


@pytest.mark.parametrize("applied", ["duckdb", "kubernetes", "postgres"], indirect=True)
def test_a_plan_is_the_same_whatever_the_hash_seed(applied):
    text = (applied / "specs.yaml").read_text()
    (applied / "specs.yaml").write_text(
        text.replace("paid > 1 AND", "paid > 2 AND").replace("basket + 1", "basket + 2")
    )
    try:
        said = [
            subprocess.run([sys.executable, "-c", PLAN, str(applied)], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True).stdout
            for seed in ("1", "2")
        ]  # fmt: skip
    finally:
        (applied / "specs.yaml").write_text(text)
    assert len(set(said)) == 1
    assert json.loads(said[0])[0]["changes"]
