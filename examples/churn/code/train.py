"""Trains a logistic regression by gradient descent, with nothing but the standard library."""

import json
import os
from pathlib import Path

from rows import inputs, probability, read, scale_of


def main() -> None:
    """Read the training rows, go down the gradient, write the model."""
    features, labels = read(Path(os.environ["MLSPEC_INPUT_DATA"]), "train")
    scale = scale_of(features)
    rows = [inputs(row, scale) for row in features]
    rate = float(os.environ["MLSPEC_PARAM_RATE"])
    weights = [0.0] * len(rows[0])
    for _ in range(int(os.environ["MLSPEC_PARAM_ROUNDS"])):
        gradient = [0.0] * len(weights)
        for row, label in zip(rows, labels, strict=True):
            error = probability(weights, row) - label
            gradient = [g + error * x for g, x in zip(gradient, row, strict=True)]
        weights = [w - rate * g / len(rows) for w, g in zip(weights, gradient, strict=True)]
    model = {"scale": scale, "weights": weights}
    (Path(os.environ["MLSPEC_OUTPUT_MODEL"]) / "model.json").write_text(json.dumps(model, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
