"""What training and measuring share: reading a dataset, bringing features to one scale, the model itself."""

import csv
import json
import math
from pathlib import Path

Scale = dict[str, tuple[float, float]]


def read(folder: Path, split: str) -> tuple[list[dict[str, float | None]], list[bool]]:
    """Give the features and the labels of one split; `dataset.json` says which column is what."""
    about = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    (label,), names = about["labels"], [feature["name"] for feature in about["features"]]
    features, labels = [], []
    with (folder / "data.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row[about["split"]] == split and row[label]:
                features.append({name: number(row[name]) for name in names})
                labels.append(row[label] == "true")
    return features, labels


def number(text: str) -> float | None:
    """Read a value as it stands in the CSV; nothing is NULL."""
    return {"": None, "true": 1.0, "false": 0.0}[text] if text in {"", "true", "false"} else float(text)


def scale_of(rows: list[dict[str, float | None]]) -> Scale:
    """Take the mean and the standard deviation of each feature."""
    found = {}
    for name in rows[0]:
        values = [value for row in rows if (value := row[name]) is not None] or [0.0]
        mean = sum(values) / len(values)
        found[name] = (mean, math.sqrt(sum((v - mean) ** 2 for v in values) / len(values)) or 1.0)
    return found


def inputs(row: dict[str, float | None], scale: Scale) -> list[float]:
    """Bring a row to scale; what is missing becomes the mean. The last input is the constant 1."""
    values = [(row[name], mean, deviation) for name, (mean, deviation) in scale.items()]
    return [0.0 if value is None else (value - mean) / deviation for value, mean, deviation in values] + [1.0]


def probability(weights: list[float], row: list[float]) -> float:
    """Give the probability that the label is true."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, sum(w * x for w, x in zip(weights, row, strict=True))))))
