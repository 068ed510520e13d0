"""The local target: a real server process with a real model, asked over HTTP as any client would."""

import dataclasses
import http.client
import json
import operator
import os
import shutil
import signal
import socket
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlspec.backends import processes
from mlspec.backends.deploys.local import Local
from mlspec.backends.port import BackendError, ModelVersion, Place
from mlspec.ir.service import Computed, Probe, Service
from mlspec.ir.workflow import Secret

joblib = pytest.importorskip("joblib", reason="scikit-learn is not installed")

CONTRACT = (("distance", "int64"), ("carrier", "string"), ("night", "boolean"), ("delay", "float64"))
FEATURES = [{"name": n, "type": t} | ({"categories": ["AA", "UA"]} if n == "carrier" else {}) for n, t in CONTRACT]
OUTPUT = (("late", "boolean"), ("probability", "float64"))
DISTANCE = (("distance", "float64"),)
ONE, TWO = "1" * 32, "2" * 32


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model that is late with certainty above 1000 miles or when the carrier is UA."""
    pandas, compose = pytest.importorskip("pandas"), pytest.importorskip("sklearn.compose")
    preprocessing, tree = import_module("sklearn.preprocessing"), import_module("sklearn.tree")
    rows = [(d, c, 0.0, 0.0) for d in (100.0, 900.0, 1100.0, 3000.0) for c in ("AA", "UA")]
    frame = pandas.DataFrame(rows, columns=[name for name, _ in CONTRACT])
    codes = preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    columns = compose.ColumnTransformer([("codes", codes, ["carrier"])], remainder="passthrough")
    model = import_module("sklearn.pipeline").make_pipeline(columns, tree.DecisionTreeClassifier(random_state=0))
    return kept(model.fit(frame, [d > 1000 or c == "UA" for d, c, *_ in rows]), tmp_path_factory)


@pytest.fixture(scope="module")
def model_files(tmp_path_factory):
    """A model that is loaded without scikit-learn, in half the time: it answers with the distance."""
    return kept(SimpleNamespace(predict=operator.methodcaller("get", "distance")), tmp_path_factory)


def kept(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    joblib.dump(model, folder / "model.joblib")
    (folder / "model.json").write_text(json.dumps({"features": FEATURES}))
    return folder


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def service(port, version=ONE, **fields):
    return Service("late", "late_flights", version, port=port, contract=CONTRACT, **fields)


def registered(files, version=ONE, **fields):
    found = ModelVersion("late_flights", version, "sklearn", {}, CONTRACT, DISTANCE, {}, "", str(files))
    return dataclasses.replace(found, **fields)


def local(root):
    return Local(Local.Settings(), Place(root, root / ".mlspec", "dev", "flights"))


def pid(root, outputs):
    return int((root / outputs["path"] / "server.pid").read_text())


def running(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def project(tmp_path):
    """A project in whose private folder no server is left running."""
    yield tmp_path
    for file in tmp_path.rglob("server.pid"):
        processes.stop(file)


@pytest.fixture(scope="module")
def served(tmp_path_factory, trained):
    """The outputs of a deployment that the tests of the protocol ask, and change nothing of."""
    root = tmp_path_factory.mktemp("served")
    probes = {"liveness": Probe("/livez"), "readiness": Probe("/readyz")}
    outputs = local(root).apply(service(free_port(), **probes), registered(trained, output=OUTPUT)).outputs
    yield outputs
    local(root).destroy(outputs)


def ask(port, path, body=None, method=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    content = json.dumps(body) if isinstance(body, dict | list) else body
    connection.request(method or ("GET" if body is None else "POST"), path, content, headers or {})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text)


def tensor(name, datatype, data, **fields):
    return {"name": name, "datatype": datatype, "shape": [len(data)], "data": data, **fields}


def inputs(**changed):
    """Two rows: a short flight of AA and a long one; `changed` exchanges or (None) leaves out tensors."""
    found = {
        "distance": tensor("distance", "INT64", [100, 2000]),
        "carrier": tensor("carrier", "BYTES", ["AA", "AA"]),
        "night": tensor("night", "BOOL", [True, False]),
        "delay": tensor("delay", "FP64", [1.5, None]),
    }
    return [t for t in (found | changed).values() if t is not None]


INFER = "/v2/models/late_flights/infer"


def test_a_request_is_answered_with_every_output(served):
    status, answer = ask(served["port"], INFER, {"id": "a", "inputs": inputs()})
    assert status == 200
    assert answer == {
        "model_name": "late_flights",
        "model_version": ONE,
        "id": "a",
        "outputs": [
            {"name": "late", "shape": [2], "datatype": "BOOL", "data": [False, True]},
            {"name": "probability", "shape": [2], "datatype": "FP64", "data": [0.0, 1.0]},
        ],
    }


def test_order_of_inputs_and_shape_of_a_column_do_not_matter_and_outputs_can_be_chosen(served):
    nested = tensor("carrier", "BYTES", [["UA"], ["never seen"]], shape=[2, 1])
    request = {"inputs": inputs(carrier=nested)[::-1], "outputs": [{"name": "late"}]}
    status, answer = ask(served["port"], f"/v2/models/late_flights/versions/{ONE}/infer", request)
    assert (status, answer["outputs"]) == (
        200,
        [{"name": "late", "shape": [2], "datatype": "BOOL", "data": [True, True]}],
    )


def test_metadata_tells_the_contract(served):
    status, answer = ask(served["port"], "/v2/models/late_flights")
    assert (status, answer["versions"], answer["platform"]) == (200, [ONE], "sklearn")
    assert [(t["name"], t["datatype"]) for t in answer["inputs"]] == [
        ("distance", "INT64"), ("carrier", "BYTES"), ("night", "BOOL"), ("delay", "FP64")
    ]  # fmt: skip
    assert answer["outputs"][1] == {"name": "probability", "datatype": "FP64", "shape": [-1]}


@pytest.mark.parametrize(
    "path",
    [
        *("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/late_flights/ready", "/livez", "/readyz"),
        *(f"/v2/models/late_flights/versions/{ONE}", f"/v2/models/late_flights/versions/{ONE}/ready"),
    ],
)
def test_what_is_there_answers(path, served):
    assert ask(served["port"], path)[0] == 200


@pytest.mark.parametrize(
    "path", ["/", "/v2/models/other", f"/v2/models/late_flights/versions/{TWO}/ready", INFER, "/v2/x"]
)
def test_what_is_not_there_is_a_404_in_json(path, served):
    status, answer = ask(served["port"], path)
    assert (status, list(answer)) == (404, ["error"])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a JSON object"),
        ('{"inputs": [NaN]}', "NaN is not JSON"),
        (b"\xff\xfe", "not JSON"),
        ({}, "a list `inputs`"),
        ({"inputs": [3]}, "an input has no `name`"),
        ({"inputs": inputs(delay=None, night=None)}, "inputs are missing: `night`, `delay`"),
        ({"inputs": inputs(extra=tensor("extra", "BOOL", [True]))}, "`extra` is not a feature"),
        ({"inputs": [*inputs(), *inputs()]}, "`distance` is given twice"),
        ({"inputs": inputs(night=tensor("night", "BOOL", [True]))}, "differ in their number of rows"),
        ({"inputs": inputs(night=tensor("night", "INT64", [1, 0]))}, "`night` has datatype INT64"),
        ({"inputs": inputs(night=tensor("night", "BOOL", [1, 0]))}, "`night` holds '1'"),
        ({"inputs": inputs(distance=tensor("distance", "INT64", ["1", 2]))}, "which is no INT64"),
        ({"inputs": inputs(distance=tensor("distance", "INT64", [True, 2]))}, "which is no INT64"),
        ({"inputs": inputs(distance=tensor("distance", "INT64", [2**63, 2]))}, "which is no INT64"),
        ({"inputs": inputs(delay=tensor("delay", "FP64", [10**400, 2]))}, "which is no FP64"),
        ({"inputs": inputs(delay=tensor("delay", "FP64", [1, 2], shape=[3]))}, "has 2 values; its shape says 3"),
        ({"inputs": inputs(delay=tensor("delay", "FP64", [1, 2], shape=[1, 2]))}, "has not the shape"),
        ({"inputs": inputs(delay=tensor("delay", "FP64", [], shape=[0]))}, "has not the shape"),
        ({"inputs": inputs(delay={"name": "delay"})}, "`delay` has datatype None"),
        ({"inputs": inputs(), "outputs": [{"name": "x"}]}, "`x` is not an output"),
        ({"inputs": inputs(), "outputs": 3}, "`outputs` is not a list"),
    ],
)
def test_bad_requests_are_told_why(body, message, served):
    status, answer = ask(served["port"], INFER, body)
    assert (status, list(answer)) == (400, ["error"])
    assert message in answer["error"]
    assert "Traceback" not in answer["error"]


def test_requests_of_unknown_length_or_too_large_or_of_another_method_are_refused(served):
    assert ask(served["port"], INFER, "", "POST", {"Content-Length": "x"})[0] == 400
    assert "larger" in ask(served["port"], INFER, "", "POST", {"Content-Length": "99999999999"})[1]["error"]
    assert "error" in ask(served["port"], INFER, None, "DELETE")[1]


def test_a_version_is_swapped_while_the_old_one_answers_and_destroy_leaves_nothing(project, model_files):
    target, port = local(project), free_port()
    first = target.apply(service(port), registered(model_files)).outputs
    old = pid(project, first)
    assert first == json.loads(json.dumps(first))
    assert target.observe(first)
    assert target.apply(service(port), registered(model_files)).notes == ()
    assert pid(project, first) == old
    second = target.apply(service(port, TWO), registered(model_files, TWO)).outputs
    new = pid(project, second)
    assert (running(old), running(new)) == (False, True)
    assert (target.observe(first), target.observe(second)) == (False, True)
    assert ask(port, INFER, {"inputs": inputs()})[1]["model_version"] == TWO
    with socket.create_connection(("127.0.0.1", port)):  # a client that says nothing holds nobody up
        target.destroy(second)
    assert not running(new)
    assert not target.observe(second)
    target.destroy(second)
    assert list((project / ".mlspec").iterdir()) == []


def test_a_model_that_does_not_load_leaves_the_old_one_answering(project, model_files, tmp_path_factory):
    target, port = local(project), free_port()
    first = target.apply(service(port), registered(model_files)).outputs
    broken = tmp_path_factory.mktemp("broken")
    shutil.copy(model_files / "model.json", broken)
    with pytest.raises(BackendError, match=r"did not load its model: .*model\.joblib"):
        target.apply(service(port, TWO), registered(broken, TWO))
    assert target.observe(first)
    with pytest.raises(BackendError, match="not those of the deployment's contract"):
        target.apply(dataclasses.replace(service(port, TWO), contract=CONTRACT[:1]), registered(model_files, TWO))
    with pytest.raises(BackendError, match="format `onnx` cannot be served"):
        target.apply(service(port, TWO), registered(model_files, TWO, format="onnx"))
    assert target.observe(first)
    target.destroy(first)
    assert not any(project.rglob("server.*"))


def test_a_server_that_died_is_noticed_and_started_again(project, model_files):
    target, port = local(project), free_port()
    outputs = target.apply(service(port), registered(model_files)).outputs
    os.kill(pid(project, outputs), signal.SIGKILL)
    processes.stop(project / outputs["path"] / "server.pid")
    assert not target.observe(outputs)
    assert target.apply(service(port), registered(model_files)).outputs == outputs
    assert target.observe(outputs)


def test_a_port_of_somebody_else_is_refused(project, model_files):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(BackendError, match="is taken by another process"):
            local(project).apply(service(other.getsockname()[1]), registered(model_files))
    assert not any(project.rglob("server.pid"))


def test_what_is_rendered_is_what_the_server_is_told_and_secrets_reach_it_through_no_file(
    project, model_files, monkeypatch
):
    monkeypatch.setenv("OUTSIDE", "s3cr3t-value")
    secrets = (("INSIDE", Secret("env", "OUTSIDE")),)
    wanted = service(free_port(), secrets=secrets, env=(("PLAIN", "on"),), request=(("tailnum", "string"),))
    (artifact,) = local(project).render(wanted, None)
    outputs = local(project).apply(wanted, registered(model_files)).outputs
    assert (project / artifact.path).read_text() == artifact.text
    environment = Path(f"/proc/{pid(project, outputs)}/environ").read_bytes().split(b"\0")
    assert {b"INSIDE=s3cr3t-value", b"PLAIN=on"} <= set(environment)
    assert not any(b"s3cr3t" in file.read_bytes() for file in project.rglob("*") if file.is_file())
    assert "s3cr3t" not in json.dumps(outputs)


@pytest.mark.parametrize("secret", [Secret("env", "SURELY_NOT_SET"), Secret("kubernetes", "a/b")])
def test_a_secret_that_is_not_here_is_refused(secret, project, model_files):
    with pytest.raises(BackendError, match="secret `INSIDE`"):
        local(project).apply(service(free_port(), secrets=(("INSIDE", secret),)), registered(model_files))


def test_features_on_request_are_computed_by_the_server(project, model_files):
    """A request carries what they are computed from, not the features themselves."""
    legs = Computed("distance", "int64", '"legs" * 100', (("legs", "int64"),))
    port = free_port()
    outputs = local(project).apply(service(port, computed=(legs,)), registered(model_files)).outputs
    stored = inputs(distance=None)
    status, answer = ask(port, INFER, {"inputs": [*stored, tensor("legs", "INT64", [3, 4])]})
    assert (status, answer["outputs"][0]["data"]) == (200, [300.0, 400.0])
    _, described = ask(port, "/v2/models/late_flights")
    assert [i["name"] for i in described["inputs"]] == ["carrier", "night", "delay", "legs"]
    status, answer = ask(port, INFER, {"inputs": inputs()})
    assert status == 400
    assert "`distance` is not a feature" in answer["error"]
    status, answer = ask(port, INFER, {"inputs": [*stored, tensor("legs", "INT64", [1, 2**62])]})
    assert status == 400
    assert "computed from the request" in answer["error"]
    local(project).destroy(outputs)
