"""Measures the model on customers whom it has never seen."""

import json
import os
from pathlib import Path

from rows import inputs, probability, read


def main() -> None:
    """Predict the test rows, and write the area under the curve and the calibration gap."""
    features, labels = read(Path(os.environ["MLSPEC_INPUT_DATA"]), "test")
    model = json.loads((Path(os.environ["MLSPEC_INPUT_MODEL"]) / "model.json").read_text(encoding="utf-8"))
    likely = [probability(model["weights"], inputs(row, model["scale"])) for row in features]
    yes = [p for p, label in zip(likely, labels, strict=True) if label]
    no = [p for p, label in zip(likely, labels, strict=True) if not label]
    metrics = {
        "rows": len(labels),
        "auc": sum((a > b) + (a == b) / 2 for a in yes for b in no) / (len(yes) * len(no)),
        "calibration_gap": abs(sum(likely) - sum(labels)) / len(labels),
    }
    Path(os.environ["MLSPEC_OUTPUT_METRICS"]).write_text(json.dumps(metrics), encoding="utf-8")


if __name__ == "__main__":
    main()
