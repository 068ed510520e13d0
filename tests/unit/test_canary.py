"""Canaries and shadows on this machine: real servers behind a real front, asked over HTTP all along."""

import dataclasses
import http.client
import json
import operator
import threading
import time
from types import SimpleNamespace

import pytest
from test_local_deploy import ONE, TWO, free_port, inputs, joblib, local, registered, service

from mlspec.backends import processes
from mlspec.backends.port import BackendError
from mlspec.ir.service import Rollout
from mlspec.serving.front import Front, Routes, Tally

CANARY = Rollout(canary=(20, 50), hold=1)
THREE = "3" * 32
STRICT = dataclasses.replace(CANARY, canary=(50,), hold=60, abort_if=("error_rate > 0.1",))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two models: one answers with the distance, the other fails whenever it is asked."""
    made = {}
    for name, predict in (
        ("good", operator.methodcaller("get", "distance")),
        ("bad", operator.methodcaller("no_such_thing")),
    ):
        folder = made[name] = tmp_path_factory.mktemp(name)
        joblib.dump(SimpleNamespace(predict=predict), folder / "model.joblib")
        features = [
            {"name": n, "type": t}
            for n, t in (("distance", "int64"), ("carrier", "string"), ("night", "boolean"), ("delay", "float64"))
        ]
        (folder / "model.json").write_text(json.dumps({"features": features}))
    return made


@pytest.fixture
def project(tmp_path):
    yield tmp_path
    for name in ("front.pid", "server.pid"):
        for file in tmp_path.rglob(name):
            processes.stop(file)


class Client:
    """Asks without a pause until it is stopped; what it got, and from which version."""

    def __init__(self, port):
        self.port, self.got, self._stop = port, [], threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def until(self, version):
        """Wait until a version has answered."""
        deadline = time.monotonic() + 120
        while version not in {v for _, v in list(self.got)}:
            assert time.monotonic() < deadline, self.got[-3:]
            time.sleep(0.02)

    def _ask(self):
        while not self._stop.is_set():
            self.got.append(ask(self.port))


def ask(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(
            "POST",
            "/v2/models/late_flights/infer",
            json.dumps({"inputs": inputs()}),
            {"Content-Type": "application/json"},
        )
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers.get("X-Mlspec-Version")
    finally:
        connection.close()


def told(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/mlspec/routes")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def test_a_new_version_takes_over_step_by_step_and_nobody_is_sent_away(project, files):
    target, port = local(project), free_port()
    first = target.apply(service(port, rollout=CANARY), registered(files["good"]))
    assert any("nobody to share requests with" in n for n in first.notes)
    with Client(port) as client:
        client.until(ONE)
        done = target.apply(service(port, TWO, rollout=CANARY), registered(files["good"], TWO))
        client.until(TWO)
        assert ask(port) == (200, TWO)
    assert {status for status, _ in client.got} == {200}
    assert {version for _, version in client.got} == {ONE, TWO}
    assert [n.split(":")[0] for n in done.notes if "%" in n] == ["20 % for 1 s", "50 % for 1 s"]
    assert target.observe(done.outputs)
    assert len(list(project.rglob("server.pid"))) == 1
    target.destroy(done.outputs)
    assert not list(project.rglob("*.pid"))


def test_a_version_that_fails_is_given_up_and_the_one_before_has_all_requests_again(project, files):
    target, port = local(project), free_port()
    first = target.apply(service(port, rollout=STRICT), registered(files["good"])).outputs
    with Client(port), pytest.raises(BackendError, match=r"version 22222222 is given up: `error_rate` is 1") as caught:
        target.apply(service(port, TWO, rollout=STRICT), registered(files["bad"], TWO))
    assert caught.value.code == "canary-aborted"
    assert {ask(port) for _ in range(6)} == {(200, ONE)}
    assert target.observe(first), "what was recorded is what is there"
    target.destroy(first)


def test_a_version_that_does_not_load_leaves_the_other(project, files, tmp_path_factory):
    broken = tmp_path_factory.mktemp("broken")
    (broken / "model.json").write_text("{}")
    target, port = local(project), free_port()
    first = target.apply(service(port, rollout=CANARY), registered(files["good"])).outputs
    with pytest.raises(BackendError, match="does not answer"):
        target.apply(service(port, TWO, rollout=CANARY), registered(broken, TWO))
    assert ask(port) == (200, ONE)
    assert target.observe(first)
    target.destroy(first)


def test_a_shadow_hears_its_share_and_says_nothing(project, files):
    target, port = local(project), free_port()
    shadowed = service(port, rollout=Rollout(shadow=25, shadow_version=TWO))
    outputs = target.apply_beside(shadowed, registered(files["good"]), {TWO: registered(files["bad"], TWO)}).outputs
    assert {ask(port) for _ in range(40)} == {(200, ONE)}
    deadline = time.monotonic() + 120
    while (heard := told(port)["servers"].get(told(port)["shadow"]["id"], {})).get("requests", 0) < 10:
        assert time.monotonic() < deadline, heard
        time.sleep(0.05)
    assert (heard["requests"], heard["errors"]) == (10, 10)
    assert target.observe(outputs)
    processes.stop(
        next(
            p / "server.pid"
            for p in (project / outputs["path"] / "front").iterdir()
            if p.name == told(port)["shadow"]["id"]
        )
    )
    assert [d.what for d in target.differences(outputs)] == ["stopped"]
    target.destroy(outputs)


def test_a_shadow_that_does_not_load_leaves_everything_as_it_was(project, files, tmp_path_factory):
    broken = tmp_path_factory.mktemp("broken")
    (broken / "model.json").write_text("{}")
    target, port = local(project), free_port()
    heard = Rollout(shadow=25, shadow_version=TWO)
    good = registered(files["good"], TWO)
    first = target.apply_beside(service(port, rollout=heard), registered(files["good"]), {TWO: good}).outputs
    before = told(port)["shadow"]["id"]
    for canary in ((), (20, 50)):
        wrong = Rollout(canary=canary, hold=0, shadow=25, shadow_version=THREE)
        with pytest.raises(BackendError, match="the server of version 33333333 does not answer"):
            target.apply_beside(service(port, TWO, rollout=wrong), good, {THREE: registered(broken, THREE)})
        assert {ask(port) for _ in range(6)} == {(200, ONE)}
        assert told(port)["shadow"]["id"] == before
        assert target.observe(first), "what was recorded is what is there"
        assert len(list(project.rglob("server.pid"))) == 2
    target.destroy(first)


def test_a_shadow_that_has_ended_is_started_again(project, files):
    target, port = local(project), free_port()
    shadowed = service(port, rollout=Rollout(shadow=25, shadow_version=TWO))
    beside = {TWO: registered(files["good"], TWO)}
    outputs = target.apply_beside(shadowed, registered(files["good"]), beside).outputs
    processes.stop(project / outputs["path"] / "front" / told(port)["shadow"]["id"] / "server.pid")
    assert not target.observe(outputs)
    target.apply_beside(shadowed, registered(files["good"]), beside)
    assert target.observe(outputs)
    target.destroy(outputs)


def test_the_front_of_another_deployment_is_not_ones_own(project, files):
    target, port, mine = local(project), free_port(), free_port()
    (project / "other").mkdir()
    wanted = service(port, rollout=CANARY)
    first = target.apply(wanted, registered(files["good"])).outputs
    other = local(project / "other")
    with pytest.raises(BackendError, match=f"port {port} of this machine is taken") as caught:
        other.apply(wanted, registered(files["good"]))
    assert caught.value.code == "port-taken"
    second = other.apply(service(mine, rollout=CANARY), registered(files["good"])).outputs
    with pytest.raises(BackendError, match=f"port {port} of this machine is taken"):
        other.apply(wanted, registered(files["good"]))
    assert other.observe(second), "a front of one's own on another port is no reason to take this one"
    assert not other.observe(second | {"port": port})
    assert target.observe(first)
    target.destroy(first)
    other.destroy(second)


def test_requests_that_wait_for_a_slow_shadow_are_few_and_the_others_are_counted(tmp_path):
    path, gate = tmp_path / "routes.json", threading.Event()
    shadow = {"id": "c", "version": "3", "percent": 100}
    path.write_text(json.dumps({"main": [], "shadow": shadow}))

    class Slow(Front):
        def asked(self, *_):
            gate.wait()
            return 200, b""

    front = Slow(Routes(path), 0)
    try:
        for _ in range(70):
            front.mirror(shadow, "/", b"", {})
        assert front.routes.told()["servers"]["c"]["dropped"] == 6
        front.server_close()
        front.mirror(shadow, "/", b"", {})
        assert front.routes.told()["servers"]["c"]["dropped"] == 7
    finally:
        gate.set()


def test_with_a_front_and_without_one_and_back(project, files):
    target, port = local(project), free_port()
    target.apply(service(port), registered(files["good"]))
    done = target.apply(service(port, TWO, rollout=CANARY), registered(files["good"], TWO))
    assert any(n.startswith("50 %") for n in done.notes)
    assert ask(port) == (200, TWO)
    plain = target.apply(service(port), registered(files["good"])).outputs
    assert target.observe(plain)
    assert not list(project.rglob("front.pid"))
    target.destroy(plain)


def test_what_a_killed_apply_has_left_is_swept_away(project, files):
    target, port = local(project), free_port()
    target.apply(service(port, rollout=CANARY), registered(files["good"]))
    (routes,) = project.rglob("routes.json")
    said = json.loads(routes.read_text())
    half = (
        {**said["main"][0], "weight": 80},
        {**said["main"][0], "id": "gone-9", "version": TWO, "weight": 20, "stable": False},
    )
    routes.write_text(json.dumps(said | {"main": half}))
    done = target.apply(service(port, TWO, rollout=CANARY), registered(files["good"], TWO))
    assert ask(port) == (200, TWO)
    assert target.observe(done.outputs)
    target.destroy(done.outputs)


def test_fields_that_mean_nothing_here_are_refused(project):
    refused = local(project).refused(service(1, rollout=Rollout(canary=(10,), canary_version=TWO)))
    assert [e.at for e in refused] == [("rollout", "canary"), ("rollout", "canary_alias")]
    assert local(project).refused(service(1, rollout=CANARY)) == ()


@pytest.mark.parametrize("share", [1, 10, 33, 50, 99])
def test_of_a_hundred_requests_as_many_go_where_the_routes_say(share, tmp_path):
    path = tmp_path / "routes.json"
    main = [{"id": "a", "version": "1", "weight": 100 - share}, {"id": "b", "version": "2", "weight": share}]
    path.write_text(json.dumps({"main": main, "shadow": {"id": "c", "version": "3", "percent": share}}))
    chosen = [Routes.chosen(routes) for routes in [Routes(path)] for _ in range(100)]
    assert sum(one["id"] == "b" for one, _ in chosen) == share
    assert sum(shadow is not None for _, shadow in chosen) == share


def test_percentiles_are_of_what_was_measured():
    tally = Tally()
    for i in range(1, 101):
        tally.requests += 1
        tally.seconds.append(i / 100)
    assert tally.told() == {
        "requests": 100,
        "errors": 0,
        "dropped": 0,
        "error_rate": 0.0,
        "latency_p50": 0.51,
        "latency_p95": 0.96,
        "latency_p99": 1.0,
    }
