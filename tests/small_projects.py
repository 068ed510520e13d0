"""Projects in a few words: documents as dictionaries, rows as lists, and what the tests ask of them."""

import csv
import datetime as dt
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from mlspec.session import Session

Document = Mapping[str, object]


def project(name: str = "small", **environment: object) -> dict:
    return {
        "kind": "project",
        "name": name,
        "spec_version": 1,
        "environments": {"dev": environment},
        "default_environment": "dev",
    }


def write_project(root: Path, documents: Iterable[Document], name: str = "small", **environment: object) -> Path:
    """A project folder with one file a document; JSON is YAML."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "mlspec.yaml").write_text(json.dumps(project(name, **environment)))
    for old in root.glob("*.doc.yaml"):
        old.unlink()
    for document in documents:
        (root / f"{document['kind']}.{document['name']}.doc.yaml").write_text(json.dumps(document, indent=1))
    return root


def write_csv(path: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([["" if v is None else _text(v) for v in row] for row in rows])


def _text(value: object) -> object:
    return value.isoformat(sep=" ") if isinstance(value, dt.datetime) else value


def plan(root: Path, **wish):
    with Session(root) as session:
        return session.plan(**wish).plan


def apply(root: Path, **wish):
    """Plan and apply what is wished; the events, in order, and what became of it."""
    events: list = []
    with Session(root) as session:
        planned = session.plan(**wish)
        return planned.plan, events, session.apply(planned, on_event=events.append)


def read(root: Path, what: str, **question) -> list[dict]:
    """All rows of what was applied."""
    with Session(root) as session:
        rows = session.query(what, limit=0, **question)
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.rows]


def actions(planned) -> list[tuple[str, str]]:
    return [(str(c.address), c.action.word) for c in planned.changes]
