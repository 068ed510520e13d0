"""Loads a model version and predicts with it; the libraries of a format are imported when it is loaded."""

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from mlspec.serving.bundle import Bundle, BundleError, Fields, read_features
from mlspec.serving.tensors import BadRequest, Column, datatype


class Predictor(Protocol):
    """A loaded model: the features that it reads, what it answers, and the answer to columns of values."""

    inputs: Fields
    outputs: Fields

    def predict(self, columns: dict[str, Column]) -> dict[str, Column]:
        """Give each output for each row. Raises BadRequest where a value cannot be read."""


def load(bundle: Bundle) -> Predictor:
    """Load the model of a bundle. Raises BundleError."""
    loader = _FORMATS.get(bundle.format)
    if loader is None:
        known = ", ".join(f"`{name}`" for name in sorted(_FORMATS))
        raise BundleError(f"model format `{bundle.format}` cannot be served on this machine; known: {known}")
    return loader(bundle)


class _Sklearn:
    """A scikit-learn estimator in `model.joblib` that takes the features as a pandas DataFrame, as `model.json` says.

    Numbers and booleans come as float64 with NaN for missing; text as a Categorical where categories are listed, else
    as objects; dates and times as datetime64. A float output of a classifier is the probability of the second of two
    classes, or the row of all probabilities; every other output is what `predict` gives.
    """

    def __init__(self, bundle: Bundle) -> None:
        features = read_features(bundle.files)
        self._categories = {f["name"]: f["categories"] for f in features if "categories" in f}
        self.inputs: Fields = tuple((f["name"], f["type"]) for f in features)
        if bundle.contract and bundle.contract != self.inputs:
            raise BundleError("the features in `model.json` are not those of the deployment's contract, in its order")
        if unknown := [f"`{name}` ({type_})" for name, type_ in self.inputs if datatype(type_) is None]:
            raise BundleError("no request can carry these features: " + ", ".join(unknown))
        self._pandas, self._model = _load_sklearn(bundle)
        probable = hasattr(self._model, "predict_proba")
        self.outputs: Fields = bundle.output or (("probability" if probable else "prediction", "float64"),)
        self._probable = probable

    def predict(self, columns: dict[str, Column]) -> dict[str, Column]:
        frame = self._pandas.DataFrame({name: self._series(name, type_, columns[name]) for name, type_ in self.inputs})
        return {name: self._answer(type_, frame) for name, type_ in self.outputs}

    def _series(self, name: str, type_: str, values: Column) -> Any:
        pandas = self._pandas
        if name in self._categories:
            known = dict.fromkeys(self._categories[name])
            return pandas.Categorical([v if v in known else None for v in values], categories=list(known))
        if type_ == "string":
            return pandas.Series(values, dtype=object)
        if datatype(type_) != "BYTES":
            return pandas.Series([math.nan if value is None else float(value) for value in values], dtype="float64")
        try:
            return pandas.to_datetime(pandas.Series(values, dtype=object), format="ISO8601", utc=type_ == "timestamptz")
        except (ValueError, OverflowError):
            raise BadRequest(f"input `{name}` holds a value that is no {type_} as ISO 8601 writes it") from None

    def _answer(self, type_: str, frame: Any) -> Column:
        if not (self._probable and datatype(type_) in {"FP32", "FP64"}):
            found: Column = self._model.predict(frame).tolist()
            return [_as_type(type_, value) for value in found]
        likely = self._model.predict_proba(frame)
        answer: Column = (likely[:, 1] if likely.shape[1] == 2 else likely).tolist()  # noqa: PLR2004 - two classes
        return answer


def _as_type(type_: str, value: Any) -> Any:
    casts: dict[str, Callable[[Any], Any]] = {"BOOL": bool, "INT32": int, "INT64": int, "BYTES": str}
    return casts.get(datatype(type_) or "BYTES", float)(value)


def _load_sklearn(bundle: Bundle) -> tuple[Any, Any]:
    """Import what reads the model, heavy and needed by this format only, and read it; scikit-learn comes with it."""
    try:
        joblib, pandas = import_module("joblib"), import_module("pandas")
        return pandas, joblib.load(bundle.files / "model.joblib")
    except ImportError as error:
        message = f"a model of format `sklearn` needs scikit-learn and pandas: {error}; install `scikit-learn pandas`"
        raise BundleError(message) from None
    except Exception as error:
        raise BundleError(f"cannot load `{bundle.files / 'model.joblib'}`: {type(error).__name__}: {error}") from error


_FORMATS: dict[str, Callable[[Bundle], Predictor]] = {"sklearn": _Sklearn}
