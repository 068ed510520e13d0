"""Trains a logistic regression on the rows of the split `train`, and measures it on those of `test`.

A step finds its files by environment variables: here MLSPEC_INPUT_DATA, MLSPEC_OUTPUT_MODEL and MLSPEC_OUTPUT_METRICS,
and its parameters in MLSPEC_PARAM_ROUNDS and MLSPEC_PARAM_RATE. Only the standard library is needed.
"""

import csv
import json
import math
import os
from pathlib import Path

Row = list[float]


def read(folder: Path) -> tuple[list[str], dict[str, list[tuple[dict[str, str], bool]]]]:
    """Give the names of the features and, for each split, its rows with their label; rows without one are left out."""
    about = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    (label,) = about["labels"]
    parts: dict[str, list[tuple[dict[str, str], bool]]] = {"train": [], "test": []}
    with (folder / "data.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row[label]:
                parts[row[about["split"]]].append((row, row[label] == "true"))
    return [feature["name"] for feature in about["features"]], parts


def number(text: str) -> float | None:
    """Read a value as it stands in the CSV; nothing is NULL."""
    return {"": None, "true": 1.0, "false": 0.0}[text] if text in {"", "true", "false"} else float(text)


def scales(rows: list[dict[str, str]], names: list[str]) -> dict[str, tuple[float, float]]:
    """Take the mean and the standard deviation of each feature."""
    found = {}
    for name in names:
        values = [value for row in rows if (value := number(row[name])) is not None] or [0.0]
        mean = sum(values) / len(values)
        found[name] = (mean, math.sqrt(sum((v - mean) ** 2 for v in values) / len(values)) or 1.0)
    return found


def scaled(row: dict[str, str], scale: dict[str, tuple[float, float]]) -> Row:
    """Bring the features to one scale; what is missing becomes the mean. The last input is the constant 1."""
    values = [(number(row[name]), mean, deviation) for name, (mean, deviation) in scale.items()]
    return [0.0 if value is None else (value - mean) / deviation for value, mean, deviation in values] + [1.0]


def predict(weights: Row, row: Row) -> float:
    """Give the probability that the label is true."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, sum(w * x for w, x in zip(weights, row, strict=True))))))


def fit(rows: list[Row], labels: list[bool], rounds: int, rate: float) -> Row:
    """Go down the gradient of the log loss, a step of `rate` in each round."""
    weights = [0.0] * len(rows[0])
    for _ in range(rounds):
        gradient = [0.0] * len(weights)
        for row, label in zip(rows, labels, strict=True):
            error = predict(weights, row) - label
            for index, value in enumerate(row):
                gradient[index] += error * value
        weights = [w - rate * g / len(rows) for w, g in zip(weights, gradient, strict=True)]
    return weights


def auc(likely: list[float], labels: list[bool]) -> float:
    """Give the share of pairs of a true and a false row in which the true one is the likelier; ties count half."""
    yes = [p for p, label in zip(likely, labels, strict=True) if label]
    no = [p for p, label in zip(likely, labels, strict=True) if not label]
    wins = sum((a > b) + (a == b) / 2 for a in yes for b in no)
    return wins / (len(yes) * len(no))


def log_loss(likely: list[float], labels: list[bool]) -> float:
    """Give the mean of minus the logarithm of the probability of what happened."""
    return -sum(math.log(p if label else 1 - p) for p, label in zip(likely, labels, strict=True)) / len(labels)


def main() -> None:
    """Train, measure, and write the model and its metrics."""
    names, parts = read(Path(os.environ["MLSPEC_INPUT_DATA"]))
    scale = scales([row for row, _ in parts["train"]], names)
    inputs = {part: [scaled(row, scale) for row, _ in rows] for part, rows in parts.items()}
    labels = {part: [label for _, label in rows] for part, rows in parts.items()}
    weights = fit(
        inputs["train"], labels["train"], int(os.environ["MLSPEC_PARAM_ROUNDS"]), float(os.environ["MLSPEC_PARAM_RATE"])
    )
    likely = [predict(weights, row) for row in inputs["test"]]
    model = {"features": names, "scale": scale, "weights": weights}
    metrics = {
        "auc": auc(likely, labels["test"]),
        "log_loss": log_loss(likely, labels["test"]),
        "rows_train": len(labels["train"]),
        "rows_test": len(labels["test"]),
        "rate": sum(labels["test"]) / len(labels["test"]),
    }
    (Path(os.environ["MLSPEC_OUTPUT_MODEL"]) / "model.json").write_text(json.dumps(model, indent=1), encoding="utf-8")
    Path(os.environ["MLSPEC_OUTPUT_METRICS"]).write_text(json.dumps(metrics), encoding="utf-8")


if __name__ == "__main__":
    main()
