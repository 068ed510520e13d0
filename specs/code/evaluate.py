"""Measures the model of late flights on the rows of the split `test`, as a whole, by origin and by month.

Inputs are DATA, a dataset, and MODEL, the folder that training made; output METRICS is a JSON object.
"""

import json
from collections.abc import Iterator

import joblib
import numpy as np
import pyarrow.compute as pc
from flight_model import Dataset, input_path, output_path, read_dataset, write_json
from sklearn.metrics import log_loss, roc_auc_score


def slices(dataset: Dataset) -> Iterator[tuple[str, np.ndarray]]:
    """Names each slice and says which rows are in it: origins if the dataset has them, and months in UTC."""
    months = pc.strftime(dataset.rows[dataset.time], format="%b")
    columns = [months] + ([dataset.rows["origin"]] if "origin" in dataset.rows.column_names else [])
    for column in columns:
        for value in sorted(pc.unique(column).drop_null().to_pylist()):
            yield (
                value.lower(),
                pc.equal(column, value).fill_null(fill_value=False).to_numpy(zero_copy_only=False),
            )


def measure(labels: np.ndarray, likely: np.ndarray) -> dict:
    """The measures over all rows; `calibration_gap` is how far the mean prediction is from the rate."""
    return {
        "rows": len(labels),
        "rate": float(labels.mean()),
        "auc": float(roc_auc_score(labels, likely)),
        "log_loss": float(log_loss(labels, likely)),
        "calibration_gap": float(abs(likely.mean() - labels.mean())),
    }


def main() -> None:
    """Predicts the test rows and writes the metrics."""
    dataset = read_dataset(input_path("data"), "test")
    expected = json.loads((input_path("model") / "model.json").read_text(encoding="utf-8"))["features"]
    if [feature["name"] for feature in expected] != [feature.name for feature in dataset.features]:
        message = "the dataset does not have the features of the model, in their order"
        raise ValueError(message)
    model = joblib.load(input_path("model") / "model.joblib")
    labels, likely = dataset.labels(), model.predict_proba(dataset.inputs())[:, 1]
    metrics = measure(labels, likely)
    for name, rows in slices(dataset):
        if 0 < labels[rows].sum() < rows.sum():
            metrics[f"auc_{name}"] = float(roc_auc_score(labels[rows], likely[rows]))
    write_json(output_path("metrics"), metrics)


if __name__ == "__main__":
    main()
