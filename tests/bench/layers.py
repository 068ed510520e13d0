"""A project of any number of feature views in layers, and the same models for other planners.

Every model has twenty columns. Those of the first layer read a source each; of the others, three of four join two models of
the layer below through a CTE, and the fourth aggregates one. There is a source for every fifty models.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LAYERS = 10
FEATURES = 18
VALUES = tuple(f"f{i}" for i in range(FEATURES))
_SHARED = 50
"""Models for each source."""
_NUMBER = "float64"


@dataclass(frozen=True)
class Model:
    """A model by name, in its layer; `reads` are names of sources in layer 0, else of models."""

    name: str
    layer: int
    reads: tuple[str, ...]
    sql: str


def sources(count: int) -> tuple[str, ...]:
    """The names of the sources of so many models."""
    return tuple(f"raw_{i:04}" for i in range(max(count // _SHARED, 1)))


def models(count: int) -> Iterator[Model]:
    """So many models, each after those that it reads."""
    width = max(count // LAYERS, 1)
    raw = sources(count)
    for number in range(count):
        layer, place = min(number // width, LAYERS - 1), number % width
        name = f"m{layer}_{number:05}"
        if layer == 0:
            yield Model(name, layer, (raw[number % len(raw)],), _first(raw[number % len(raw)], number))
            continue
        begin = (layer - 1) * width
        one, other = begin + place, begin + (place * 7 + 3) % width
        reads = tuple(dict.fromkeys(f"m{layer - 1}_{i:05}" for i in (one, other)))
        if number % 4 == 3 or len(reads) == 1:
            yield Model(name, layer, reads[:1], _grouped(reads[0], number))
        else:
            yield Model(name, layer, reads, _joined(*reads, number))


def _first(source: str, number: int) -> str:
    made = [
        f"{v} + {number % 13 + i} AS {v}" if i % 3 else f"coalesce({v}, 0) * 2 AS {v}" for i, v in enumerate(VALUES)
    ]
    return _select(["k", "event_time", *made], source, f"WHERE f{number % FEATURES} > {number % 17}")


def _joined(one: str, other: str, number: int) -> str:
    kept = ["k", "event_time", *VALUES[: FEATURES // 2]]
    half = FEATURES // 2
    near = [
        f"a.{v} - b.{VALUES[half + i]} AS {v}" if i % 4 == 0 else f"a.{v} AS {v}" for i, v in enumerate(VALUES[:half])
    ]
    far = [
        f"CASE WHEN b.{v} > {i} THEN b.{v} ELSE a.{VALUES[i]} END AS {v}" if i % 3 == 0 else f"b.{v} / {i + 2} AS {v}"
        for i, v in enumerate(VALUES[half:])
    ]
    body = _select(
        ["a.k AS k", "a.event_time AS event_time", *near, *far],
        "a",
        f"JOIN {other} AS b ON a.k = b.k AND a.event_time = b.event_time",
    )
    head = _select(kept, one, f"WHERE k <> {number}")
    return f"WITH a AS (\n{head})\n{body}"


def _grouped(one: str, number: int) -> str:
    functions = ("sum", "avg", "max", "min", "count")
    made = [f"CAST({functions[(number + i) % 5]}({v}) AS DOUBLE) AS {v}" for i, v in enumerate(VALUES)]
    return _select(["k", "event_time", *made], one, f"WHERE k > {number % 5}\nGROUP BY k, event_time")


def _select(columns: list[str], table: str, rest: str) -> str:
    listed = ",\n  ".join(columns)
    return f"SELECT\n  {listed}\nFROM {table}\n{rest}\n"


def write_mlspec(folder: Path, count: int) -> Path:
    """The project of mlspec: a YAML file for every view, its SQL in a file beside it."""
    views = folder / "views"
    (folder / "data").mkdir(parents=True)
    views.mkdir()
    _write(folder / "mlspec.yaml", "kind: project\nname: layers\nspec_version: 1\nenvironments:\n  dev: {}\n")
    _write(folder / "entities.yaml", "kind: entity\nname: thing\nkeys:\n  k: int64\n")
    for name in sources(count):
        columns = "".join(f"  {c}: {t}\n" for c, t in _columns())
        _write(
            folder / f"{name}.yaml",
            f"kind: source\nname: {name}\nfiles: data/{name}.csv\nevent_time: event_time\ncolumns:\n{columns}",
        )
        _write(folder / "data" / f"{name}.csv", _data())
    for model in models(count):
        said = f"kind: feature_view\nname: {model.name}\ndescription: Model of layer {model.layer}\nentities: [thing]\nevent_time: event_time\n"
        _write(views / f"{model.name}.yaml", f"{said}sql: {{file: {model.name}.sql}}\n")
        _write(views / f"{model.name}.sql", model.sql)
    return folder


def write_dbt(folder: Path, count: int) -> Path:
    """The project of dbt: the same SQL, with every column of every model declared."""
    made = folder / "models"
    made.mkdir(parents=True)
    profile = {"layers": {"target": "dev", "outputs": {"dev": {"type": "duckdb", "path": str(folder / "dbt.duckdb")}}}}
    _write(
        folder / "dbt_project.yml",
        json.dumps({"name": "layers", "version": "1.0", "profile": "layers", "model-paths": ["models"]}),
    )
    _write(folder / "profiles.yml", json.dumps(profile))
    raw = [{"name": n, "columns": [{"name": c} for c, _ in _columns()]} for n in sources(count)]
    _write(made / "sources.yml", json.dumps({"sources": [{"name": "raw", "schema": "main", "tables": raw}]}))
    for model in models(count):
        text = model.sql
        for read in model.reads:
            ref = f"{{{{ source('raw', '{read}') }}}}" if model.layer == 0 else f"{{{{ ref('{read}') }}}}"
            text = text.replace(f"FROM {read}\n", f"FROM {ref}\n").replace(f"JOIN {read} ", f"JOIN {ref} ")
        _write(made / f"{model.name}.sql", text)
        declared = [{"name": c, "data_type": t} for c, t in _columns()]
        _write(made / f"{model.name}.yml", json.dumps({"models": [{"name": model.name, "columns": declared}]}))
    return folder


def edit(text: str) -> str:
    """The text of a model of the first layer, or of a join, with the meaning of one column changed."""
    return text.replace("coalesce(f0, 0) * 2 AS f0", "coalesce(f0, 0) * 3 AS f0").replace(
        "b.f10 / 3 AS f10", "b.f10 / 4 AS f10"
    )


def _columns() -> tuple[tuple[str, str], ...]:
    return (("k", "int64"), ("event_time", "timestamp"), *((v, _NUMBER) for v in VALUES))


def _data() -> str:
    names = ",".join(n for n, _ in _columns())
    rows = [f"{k},2024-01-0{k} 00:00:00," + ",".join(str(k + i) for i in range(FEATURES)) for k in range(1, 4)]
    return "\n".join([names, *rows]) + "\n"


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
