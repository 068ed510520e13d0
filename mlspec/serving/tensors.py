"""Translates between the tensors of the Open Inference Protocol v2 and columns of plain Python values.

https://github.com/kserve/open-inference-protocol. A tensor of a feature has the shape `[rows]` or `[rows, 1]`; `null`
stands for a missing value, which the protocol leaves open.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mlspec.serving.bundle import Fields

Column = list[Any]

_INTEGER_BITS = {f"{sign}INT{bits}": (sign, bits) for sign in ("", "U") for bits in (8, 16, 32, 64)}
_FLOATS = frozenset({"FP16", "FP32", "FP64"})
_DATATYPES = {"boolean": "BOOL", "int32": "INT32", "int64": "INT64", "float32": "FP32", "float64": "FP64"}
_TEXT = frozenset({"string", "date", "timestamp", "timestamptz"})


class BadRequest(Exception):
    """The request cannot be answered; the message says why to whoever sent it."""


def datatype(type_: str) -> str | None:
    """Name the tensor type of a logical type; None where no tensor can carry it."""
    if type_.startswith("decimal"):
        return "FP64"
    return "BYTES" if type_ in _TEXT else _DATATYPES.get(type_)


def read_request(request: Any, contract: Fields, texts: frozenset[str] = frozenset()) -> dict[str, Column]:
    """Give the values of each input of the contract, in its order. Raises BadRequest.

    Those in `texts` may come as text where no tensor holds their values exactly: decimals; arrays and structs as JSON.
    """
    if not isinstance(request, dict) or not isinstance(request.get("inputs"), list):
        raise BadRequest("the request is not an object with a list `inputs`")
    types = dict(contract)
    found: dict[str, Column] = {}
    for tensor in request["inputs"]:
        name = tensor.get("name") if isinstance(tensor, dict) else None
        if not isinstance(name, str):
            raise BadRequest("an input has no `name`")
        if name not in types:
            raise BadRequest(f"input `{name}` is not a feature of the model")
        if name in found:
            raise BadRequest(f"input `{name}` is given twice")
        found[name] = _read_tensor(name, tensor, types[name], text=name in texts)
    if missing := [name for name in types if name not in found]:
        raise BadRequest("inputs are missing: " + ", ".join(f"`{name}`" for name in missing))
    if len({len(column) for column in found.values()}) > 1:
        raise BadRequest("inputs differ in their number of rows")
    return {name: found[name] for name in types}


def wanted_outputs(request: Mapping[str, Any], known: Sequence[str]) -> tuple[str, ...]:
    """Name the outputs that the request asks for; all of them if it names none. Raises BadRequest."""
    listed = request.get("outputs")
    if not listed:
        return tuple(known)
    if not isinstance(listed, list) or not all(isinstance(o, dict) and isinstance(o.get("name"), str) for o in listed):
        raise BadRequest("`outputs` is not a list of objects with `name`")
    for output in listed:
        if output["name"] not in known:
            raise BadRequest(f"output `{output['name']}` is not an output of the model")
    return tuple(output["name"] for output in listed)


def write_tensor(name: str, type_: str, values: Column) -> dict[str, Any]:
    """Write a column, or a column of rows of numbers, as a tensor; a number that JSON cannot hold becomes null."""
    shape = [len(values)]
    if values and isinstance(values[0], list):
        shape.append(len(values[0]))
        values = [value for row in values for value in row]
    data = [None if isinstance(value, float) and not math.isfinite(value) else value for value in values]
    return {"name": name, "shape": shape, "datatype": datatype(type_) or "BYTES", "data": data}


def _read_tensor(name: str, tensor: Mapping[str, Any], type_: str, *, text: bool) -> Column:
    kind, shape, data = (tensor.get(key) for key in ("datatype", "shape", "data"))
    as_text = text and kind == "BYTES" and (type_.startswith("decimal") or datatype(type_) is None)
    if not isinstance(kind, str) or not (as_text or _carries(kind, type_)):
        raise BadRequest(f"input `{name}` has datatype {kind}; feature type {type_} takes {datatype(type_) or 'BYTES'}")
    if not isinstance(shape, list) or not all(type(size) is int for size in shape) or not _is_column(shape):
        raise BadRequest(f"input `{name}` has not the shape [rows] or [rows, 1], with one row at least")
    if not isinstance(data, list):
        raise BadRequest(f"input `{name}` has no list `data`")
    if len(shape) == 2 and all(isinstance(row, list) and len(row) == 1 for row in data):  # noqa: PLR2004
        data = [row[0] for row in data]
    if len(data) != shape[0]:
        raise BadRequest(f"input `{name}` has {len(data)} values; its shape says {shape[0]}")
    return [_read_value(name, kind, type_, value) for value in data]


def _is_column(shape: list[int]) -> bool:
    return len(shape) in (1, 2) and shape[0] > 0 and shape[1:] in ([], [1])


def _carries(kind: str, type_: str) -> bool:
    own = datatype(type_)
    if own in _FLOATS:
        return kind in _FLOATS or kind in _INTEGER_BITS
    return kind in _INTEGER_BITS if own in _INTEGER_BITS else kind == own


def _read_value(name: str, kind: str, type_: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "BOOL":
        good = isinstance(value, bool)
    elif kind == "BYTES":
        good = isinstance(value, str)
    elif kind in _FLOATS:
        good = type(value) in (int, float) and _finite(value)
    else:
        good = type(value) is int and _fits(value, kind) and _fits(value, "INT32" if type_ == "int32" else "INT64")
    if not good:
        raise BadRequest(f"input `{name}` holds {str(value)[:40]!r}, which is no {kind} for a feature of type {type_}")
    return value


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _fits(value: int, kind: str) -> bool:
    sign, bits = _INTEGER_BITS[kind]
    return 0 <= value < 1 << bits if sign else -1 << (bits - 1) <= value < 1 << (bits - 1)
