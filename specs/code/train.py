"""Trains the model of late flights on the rows of the split `train`.

Input DATA is a dataset. Output MODEL is a folder with `model.joblib`, a scikit-learn pipeline that takes the
features as a data frame, and `model.json`, which says what it expects and how it was made. Output METRICS is
a JSON object.
"""

import platform
from importlib.metadata import version

import joblib
import numpy as np
from flight_model import Dataset, input_path, output_path, parameter, read_dataset, write_json
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder


def build(dataset: Dataset) -> Pipeline:
    """The untrained model: categories become codes, frozen in training; unknown ones become missing."""
    categorical = [feature.name for feature in dataset.features if feature.categorical]
    numeric = [feature.name for feature in dataset.features if not feature.categorical]
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan)
    encode = ColumnTransformer([("categories", codes, categorical), ("numbers", "passthrough", numeric)])
    trees = HistGradientBoostingClassifier(
        max_iter=int(parameter("max_iter", "150")),
        learning_rate=float(parameter("learning_rate", "0.1")),
        max_leaf_nodes=int(parameter("max_leaf_nodes", "31")),
        min_samples_leaf=int(parameter("min_samples_leaf", "200")),
        categorical_features=list(range(len(categorical))),
        early_stopping=False,
        random_state=int(parameter("seed", "0")),
    )
    return Pipeline([("encode", encode), ("trees", trees)])


def describe(model: Pipeline, dataset: Dataset) -> dict:
    """What a caller of the model must know: features in order, categories, label, and how it was made."""
    categorical = [feature.name for feature in dataset.features if feature.categorical]
    learned = model.named_steps["encode"].named_transformers_["categories"].categories_ if categorical else []
    categories = {
        name: [value for value in values if isinstance(value, str)]
        for name, values in zip(categorical, learned, strict=True)
    }
    libraries = ("scikit-learn", "numpy", "pandas", "pyarrow", "joblib")
    return {
        "label": dataset.label,
        "features": [
            {"name": feature.name, "type": feature.type}
            | ({"categories": categories[feature.name]} if feature.categorical else {})
            for feature in dataset.features
        ],
        "dataset": dataset.digest,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in libraries},
    }


def main() -> None:
    """Trains, and writes model, description and metrics."""
    dataset = read_dataset(input_path("data"), "train")
    inputs, labels = dataset.inputs(), dataset.labels()
    model = build(dataset).fit(inputs, labels)
    folder = output_path("model")
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, folder / "model.joblib", compress=3)
    write_json(folder / "model.json", describe(model, dataset))
    likely = model.predict_proba(inputs)[:, 1]
    metrics = {
        "train_rows": len(labels),
        "train_rate": float(labels.mean()),
        "train_auc": float(roc_auc_score(labels, likely)),
        "train_log_loss": float(log_loss(labels, likely)),
        "features": len(dataset.features),
    }
    write_json(output_path("metrics"), metrics)


if __name__ == "__main__":
    main()
