"""What training and evaluation share: finding a step's files, reading a dataset, preparing the features."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

NUMERIC = ("boolean", "int32", "int64", "float32", "float64", "decimal")


@dataclass(frozen=True)
class Feature:
    """One input of the model, as the dataset declares it."""

    name: str
    type: str

    @property
    def categorical(self) -> bool:
        """Whether the model treats it as a category; everything else is a number."""
        return self.type == "string"


@dataclass(frozen=True)
class Dataset:
    """The rows of one split whose label is known, with the description that came with them."""

    features: tuple[Feature, ...]
    label: str
    time: str
    digest: str
    rows: pa.Table

    def inputs(self) -> pd.DataFrame:
        """The features in their order; numbers as float64 with NaN for NULL, categories as text with None."""
        return pd.DataFrame({feature.name: self._values(feature) for feature in self.features})

    def labels(self) -> np.ndarray:
        """The label of each row as 0 or 1."""
        return self.rows[self.label].cast(pa.int8()).to_numpy()

    def _values(self, feature: Feature) -> pd.Series:
        column = self.rows[feature.name]
        if feature.categorical:
            return pd.Series(column.to_pylist(), dtype=object)
        if not feature.type.startswith(NUMERIC):
            message = f"feature `{feature.name}` is a {feature.type}, not a number, a boolean or a string"
            raise TypeError(message)
        return pd.Series(column.cast(pa.float64()).to_numpy())


def read_dataset(folder: Path, split: str) -> Dataset:
    """Reads `data.parquet` as `dataset.json` beside it says; `split` is `train` or `test`."""
    described = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    (label,) = described["labels"]
    rows = pq.read_table(folder / "data.parquet", filters=pc.field(described["split"]) == split)
    return Dataset(
        features=tuple(Feature(item["name"], item["type"]) for item in described["features"]),
        label=label,
        time=described["time"],
        digest=described["digest"],
        rows=rows.filter(pc.is_valid(rows[label])),
    )


def input_path(name: str) -> Path:
    """Where the step finds its input `name`."""
    return Path(os.environ[f"MLSPEC_INPUT_{name.upper()}"])


def output_path(name: str) -> Path:
    """Where the step writes its output `name`."""
    return Path(os.environ[f"MLSPEC_OUTPUT_{name.upper()}"])


def parameter(name: str, default: str) -> str:
    """The text of parameter `name`, or `default` if the pipeline does not set it."""
    return os.environ.get(f"MLSPEC_PARAM_{name.upper()}", default)


def write_json(path: Path, value: dict) -> None:
    """Writes `value` as readable JSON, and the folder of `path` if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
