"""Features computed from a request are those of training: the same expressions, the same answers, for many values."""

import datetime as dt
import json
import random
from decimal import Decimal

import pytest
from small_projects import apply, write_csv, write_project

import mlspec
from mlspec.backends.plain import plain
from mlspec.ir.service import Computed
from mlspec.serving.requested import Requested
from mlspec.serving.tensors import BadRequest, read_request
from mlspec.session import Session

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")

INPUTS = {
    "price": "decimal(12,2)", "pieces": "int64", "at": "timestamptz", "day": "date", "local": "timestamp", "name": "string",
    "tags": "array<string>", "share": "float64", "gift": "boolean", "place": "struct<lat: float64, lon: float64>",
}  # fmt: skip
FEATURES = {
    "each": "price / pieces",
    "exact": "CAST(price * 3 AS decimal(14,2))",
    "hour": "CAST(EXTRACT(HOUR FROM at AT TIME ZONE 'America/New_York') AS INTEGER)",
    "weekday": "CAST(EXTRACT(ISODOW FROM day) AS INTEGER)",
    "late": "local >= CAST(day AS timestamp) + INTERVAL 18 HOUR",
    "initial": "UPPER(LEFT(name, 1))",
    "known": "COALESCE(name, 'nobody')",
    "tagged": "CAST(LEN(tags) AS INTEGER)",
    "logit": "LN(share / (1 - share))",
    "wrapped": "gift AND pieces > 1",
    "north": "STRUCT_EXTRACT(place, 'lat') > 0",
    "moment": "at + INTERVAL 90 MINUTE",
    "rounded": "CAST(ROUND(share * 100) AS INTEGER)",
    "whole": "pieces // 3",
}
NUMBERS = {"price": "FP64", "share": "FP64", "pieces": "INT64", "gift": "BOOL"}


def rows(number=400):
    chosen = random.Random(11)

    def maybe(value):
        return None if chosen.random() < 0.15 else value

    found = []
    for _ in range(number):
        at = dt.datetime(2024, 3, 9, tzinfo=dt.UTC) + dt.timedelta(microseconds=chosen.randrange(3 * 86_400_000_000))
        found.append({
            "price": maybe(Decimal(chosen.choice([0, 1, 10, 33, 999_999_999_999, chosen.randrange(10**9)])) / 100),
            "pieces": maybe(chosen.choice([1, 2, 3, 7, -5, 10**12])), "at": maybe(at), "day": maybe(at.date()),
            "local": maybe(at.replace(tzinfo=None)), "name": maybe(chosen.choice(["", "Ann", "Ωmega", "o'brien", "a\nb", '"', "NULL", "\\N"])),
            "tags": maybe(chosen.choice([[], ["a"], ["a", None, "b,c"], ['"', "'", "ü"]])),
            "share": maybe(chosen.choice([0.1, 0.5, 1 / 3, 0.295, 1e-300, chosen.random() * 0.999 + 0.0005])),
            "gift": maybe(chosen.random() < 0.5),
            "place": maybe({"lat": maybe(chosen.uniform(-90, 90)), "lon": 1.5}),
        })  # fmt: skip
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("shop")
    write_csv(root / "nothing.csv", ("customer",), [(1,)])
    documents = [
        {"kind": "entity", "name": "customer", "keys": {"customer": "int64"}},
        {"kind": "source", "name": "nothing", "files": "nothing.csv", "columns": {"customer": "int64"}},
        {"kind": "feature_view", "name": "asked", "entities": ["customer"], "on_request": {"inputs": INPUTS, "features": FEATURES}},
        {"kind": "feature_set", "name": "all", "features": ["asked.*"]},
    ]  # fmt: skip
    assert apply(write_project(root, documents))[2].ok
    return root


@pytest.fixture(scope="module")
def computed(root):
    """As a deployment hands them to its server."""
    with Session(root) as session:
        body = next(r.body for r in session.compiled.desired if str(r.address) == "feature_view.asked")
    inputs = tuple(sorted(INPUTS.items()))
    said = {name: text.partition(" ") for name, text in body.items}
    return tuple(Computed(f"asked__{n}", kind, words, inputs) for n, (kind, _, words) in said.items())


def carried(value):
    """What a client writes into a tensor."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    return json.dumps(value) if isinstance(value, list | dict) else value


def request(asking):
    tensors = []
    for name in INPUTS:
        data = [carried(r[name]) for r in asking]
        tensors.append({"name": name, "datatype": NUMBERS.get(name, "BYTES"), "shape": [len(data)], "data": data})
    return json.loads(json.dumps({"inputs": tensors}))


def arrow(asking):
    kinds = {"price": pa.decimal128(12, 2), "pieces": pa.int64(), "at": pa.timestamp("us", "UTC"), "day": pa.date32(),
             "local": pa.timestamp("us"), "name": pa.string(), "tags": pa.list_(pa.string()), "share": pa.float64(), "gift": pa.bool_(),
             "place": pa.struct([("lat", pa.float64()), ("lon", pa.float64())])}  # fmt: skip
    return pa.table({n: pa.array([r[n] for r in asking], k) for n, k in kinds.items()})


def served(computed, asking):
    server = Requested(computed)
    return server.compute(read_request(request(asking), server.inputs, frozenset(INPUTS)))


def test_many_rows_answer_as_in_training(root, computed):
    asking = rows()
    batch = mlspec.get_features(root, "all", arrow(asking))
    answers = served(computed, asking)
    assert set(answers) == {f"asked__{n}" for n in FEATURES}
    for name, values in answers.items():
        assert values == [plain(v) for v in batch.column(name).to_pylist()], name
        assert any(v is None for v in values) or name == "asked__known"
        assert any(v is not None for v in values)


def test_one_row_answers_as_many(computed):
    asking = rows(60)
    many = served(computed, asking)
    for index, row in enumerate(asking):
        assert {n: v[0] for n, v in served(computed, [row]).items()} == {n: v[index] for n, v in many.items()}


def test_decimals_may_come_as_text():
    server = Requested((Computed("twice", "decimal(38,10)", "value * 2", (("value", "decimal(38,10)"),)),))
    tensor = {"name": "value", "datatype": "BYTES", "shape": [1], "data": ["1234567890123456789012345.0123456789"]}
    columns = read_request({"inputs": [tensor]}, server.inputs, frozenset({"value"}))
    text = server._connection.execute(server._statement, [columns["value"]]).fetchone()[0]
    assert text == Decimal("2469135780246913578024690.0246913578")


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("timestamptz", "2024-01-01T00:00:00", "`v` holds a value that is no timestamptz"),
        ("timestamptz", "yesterday", "`v` holds a value that is no timestamptz"),
        ("timestamp", "2024-01-01T00:00:00Z", "`v` holds a value that is no timestamp"),
        ("date", "2024-02-30", "`v` holds a value that is no date"),
        ("array<int64>", "[1,", "computed from the request"),
    ],
)
def test_what_is_no_value_is_refused_with_its_name(kind, value, said):
    server = Requested((Computed("same", kind, "v", (("v", kind),)),))
    with pytest.raises(BadRequest, match=said):
        server.compute({"v": [None, value]})


def test_the_server_reaches_nothing():
    server = Requested((Computed("n", "string", "v", (("v", "string"),)),))
    with pytest.raises(Exception, match="disabled"):
        server._connection.execute("SELECT * FROM read_text('/etc/passwd')")
