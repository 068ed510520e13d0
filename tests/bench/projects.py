"""The questions of the benches as projects of mlspec, the statements that it makes of them, and an apply of the whole.

    python tests/bench/projects.py FOLDER [--memory-limit 2GB]

applies the project in a folder from the beginning and prints what that cost, as JSON: every check, table and training file.
"""

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from measure import measured

from mlspec.ir.relation import Relation
from mlspec.ir.sql.formulate import formulate, written
from mlspec.ir.sql.traits import DUCKDB
from mlspec.session import Session

ROWS = {
    "id": "int64",
    "k": "int32",
    "event_time": "timestamp",
    "created": "timestamp",
    "v": "int32",
    "x": "float64",
}
WINDOWS = ("1h", "1d", "7d", "30d")
DATASET = "dataset.answers"


@dataclass(frozen=True)
class Question:
    """Feature views, and what each of their features is called in the answers of the contenders."""

    views: tuple[Mapping[str, object], ...]
    names: tuple[tuple[str, str], ...]


def latest(views: int) -> Question:
    """The latest values of some views; the last one lives for thirty days."""
    made = [
        {"kind": "feature_view", "name": f"latest{i}", "entities": ["key"], "source": f"view{i}", "latest": ["v", "x"]}
        for i in range(views)
    ]
    made[-1]["ttl"] = "30d"
    return Question(tuple(made), tuple((f"latest{i}__{n}", f"{n}{i}") for i in range(views) for n in ("v", "x")))


def windowed(functions: Sequence[str]) -> Question:
    """Functions of `v` over the four windows."""
    asked = [{"function": f, "column": "v", "name": f, "windows": [*WINDOWS]} for f in functions]
    view = {
        "kind": "feature_view",
        "name": "windowed",
        "entities": ["key"],
        "source": "view0",
        "aggregations": asked,
    }
    return Question((view,), tuple((f"windowed__{f}_{w}", f"{f}_{w}") for w in WINDOWS for f in functions))


def write_project(folder: Path, question: Question, memory_limit: str = "") -> None:
    """A project beside the files that `data.py` wrote."""
    engine = {"type": "duckdb"} | ({"memory_limit": memory_limit} if memory_limit else {})
    sources = [
        {"kind": "source", "name": path.stem, "files": path.name, "columns": ROWS, "event_time": "event_time", "tie_break": "created"}
        for path in sorted(folder.glob("view?.parquet"))
    ]  # fmt: skip
    asked = {n: ROWS[n] for n in ("id", "k", "event_time")}
    features = {"kind": "feature_set", "name": "all", "features": [f"{v['name']}.*" for v in question.views]}
    labels = {
        "sql": "SELECT id, k, event_time, id % 2 AS label FROM spine",
        "label": "label",
        "event_time": "event_time",
    }
    documents = [
        {"kind": "project", "name": "bench", "spec_version": 1, "environments": {"dev": {"engine": engine}}, "default_environment": "dev"},
        {"kind": "entity", "name": "key", "keys": {"k": "int32"}},
        *sources,
        {"kind": "source", "name": "spine", "files": "spine.parquet", "columns": asked},
        *question.views,
        features,
        {"kind": "dataset", "name": "answers", "feature_set": "all", "labels": labels},
    ]  # fmt: skip
    (folder / "mlspec.yaml").write_text("---\n".join(json.dumps(d) + "\n" for d in documents))


def statements(folder: Path, question: Question) -> tuple[dict[str, str], str]:
    """What the dataset reads beyond the files, by address, and the query of the dataset with the names of contenders."""
    with Session(folder) as session:
        bodies = {str(r.address): r.body for r in session.compiled.desired}
    between = {
        a: _text(body) for a, body in bodies.items() if a.startswith("feature_view.") and isinstance(body, Relation)
    }
    features = ", ".join(f'"{ours}" AS "{theirs}"' for ours, theirs in question.names)
    return between, f"SELECT id, k, event_time, {features} FROM ({_text(bodies[DATASET])}) AS answers"


def _text(relation: object) -> str:
    assert isinstance(relation, Relation)
    return written(formulate(relation, DUCKDB), DUCKDB)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    shutil.rmtree(asked.folder / ".mlspec", ignore_errors=True)

    def work() -> int:
        with Session(asked.folder) as session:
            applied = session.apply(session.plan(), on_event=lambda event: None)
        assert applied.ok, applied.failed
        return 0

    cost = measured(work, asked.folder / ".mlspec" / "warehouse.duckdb.tmp")
    with Session(asked.folder) as session:
        rows = session.query(DATASET, columns=["id"], limit=0).rows
    print(json.dumps(asdict(cost) | {"rows": len(rows)}))


if __name__ == "__main__":
    main()
