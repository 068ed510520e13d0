"""Measures the model of late flights on the rows of the split `test`, as a whole, by origin and by month.

Inputs are DATA, a dataset, and MODEL, the folder that training made; output METRICS is a JSON object.
"""

import json
from collections.abc import Iterator

import joblib
import numpy as np
import pandas as pd
from flight_model import Dataset, input_path, output_path, read_dataset, write_json
from sklearn.metrics import log_loss, roc_auc_score


def slices(dataset: Dataset) -> Iterator[tuple[str, np.ndarray]]:
    """Names each slice and says which rows are in it: months in New York, origins if the dataset has them."""
    times = pd.to_datetime(dataset.rows[dataset.time].to_pandas(), utc=True)
    columns = [times.dt.tz_convert("America/New_York").dt.strftime("%b")]
    if "origin" in dataset.rows.column_names:
        columns.append(dataset.rows["origin"].to_pandas())
    for column in columns:
        for value in sorted(column.dropna().unique()):
            yield value.lower(), (column == value).to_numpy(dtype=bool)


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
