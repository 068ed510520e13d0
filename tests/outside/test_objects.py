"""Objects of a store, against a real server: listed by the plan, fetched once for each version, secrets nowhere."""

import threading
import urllib.request
from pathlib import Path

import pytest
from small_projects import apply, plan, read, write_project

from mlspec.base.diag import Problems
from mlspec.session import Session

obstore = pytest.importorskip("obstore", reason="needs the extra `s3`")
moto = pytest.importorskip("moto.server", reason="needs `moto[s3]`, `flask` and `flask-cors`")
pytest.importorskip("flask_cors", reason="needs `flask-cors`")


class Server:
    """A store, and what it was asked for."""

    def __init__(self) -> None:
        from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: PLC0415 - comes with moto

        class Quiet(WSGIRequestHandler):
            def log(self, *words):
                pass

        app = moto.DomainDispatcherApplication(moto.create_backend_app)
        self.asked: list[tuple[str, str]] = []

        def noted(environ, start):
            self.asked.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
            return app(environ, start)

        self.http = make_server("127.0.0.1", 0, noted, threaded=True, request_handler=Quiet)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def fetched(self) -> int:
        return sum(method == "GET" and path.count("/") > 1 for method, path in self.asked)


@pytest.fixture(scope="module")
def server():
    made = Server()
    yield made
    made.http.shutdown()


@pytest.fixture
def bucket(server, monkeypatch, request):
    monkeypatch.setenv("SHOP_KEY", "the-key")
    monkeypatch.setenv("SHOP_SECRET", "the-secret-value")
    name = f"b{abs(hash(request.node.name)) % 10**10}"
    urllib.request.urlopen(urllib.request.Request(f"{server.url}/{name}", method="PUT"))  # noqa: S310 - a server of ours
    store = obstore.store.S3Store(
        name, endpoint=server.url, region="us-east-1", access_key_id="k", secret_access_key="s",  # noqa: S106
        client_options={"allow_http": True},
    )  # fmt: skip
    server.asked.clear()
    return name, store


def write(root: Path, path: str, server, columns=None, **more) -> None:
    keys = {"access_key": {"env": "SHOP_KEY"}, "secret_key": {"env": "SHOP_SECRET"}}
    files = {"path": path, "store": {"endpoint": server.url, "region": "us-east-1", **keys}, **more}
    columns = columns or {"a": "int64"}
    write_project(root, [{"kind": "source", "name": "s", "files": files, "columns": columns}])


def test_objects_are_fetched_once(server, bucket, tmp_path):
    name, store = bucket
    obstore.put(store, "in/day=1/x.csv", b"a\n1\n")
    obstore.put(store, "in/day=2/x.csv", b"a\n2\n")
    obstore.put(store, "in/other.txt", b"?")
    write(tmp_path, f"s3://{name}/in/day=*/*.csv", server, {"a": "int64", "day": "int32"}, hive_partitions=["day"])
    assert not plan(tmp_path).empty
    assert server.fetched() == 0
    assert apply(tmp_path)[2].ok
    assert server.fetched() == 2
    assert read(tmp_path, "source.s") == [{"a": 1, "day": 1}, {"a": 2, "day": 2}]
    assert plan(tmp_path).empty
    obstore.put(store, "in/day=2/x.csv", b"a\n3\n")
    assert not plan(tmp_path).empty
    assert apply(tmp_path)[2].ok
    assert server.fetched() == 3
    assert [r["a"] for r in read(tmp_path, "source.s")] == [1, 3]
    kept = [p for p in (tmp_path / ".mlspec" / "objects").rglob("*") if p.is_file()]
    assert len(kept) == 2


def test_what_changes_after_the_plan_is_not_read(server, bucket, tmp_path):
    name, store = bucket
    obstore.put(store, "x.csv", b"a\n1\n")
    write(tmp_path, f"s3://{name}/x.csv", server)
    with Session(tmp_path) as session:
        planned = session.plan()
        obstore.put(store, "x.csv", b"a\n2\n")
        (one,) = session.apply(planned, on_event=lambda event: None).failed
    assert one.code == "files-changed"


def test_a_column_that_is_missing_is_told_with_the_object(server, bucket, tmp_path):
    name, store = bucket
    obstore.put(store, "1.csv", b"a\n1\n")
    obstore.put(store, "2.csv", b"b\n1\n")
    write(tmp_path, f"s3://{name}/*.csv", server)
    (one,) = apply(tmp_path)[2].failed
    assert one.code == "missing-column"
    assert f"`s3://{name}/2.csv`" in one.message
    with pytest.raises(Problems) as problems, Session(tmp_path) as session:
        session.plan()  # the heads are here by now
    assert problems.value.diagnostics[0].code == "missing-column"


@pytest.mark.parametrize(
    ("path", "says"),
    [("s3://{}/none*.csv", "no object matches"), ("s3://nowhere/x.csv", "NoSuchBucket")],
)
def test_what_is_not_there(path, says, server, bucket, tmp_path):
    write(tmp_path, path.format(bucket[0]), server)
    with Session(tmp_path) as session, pytest.raises(Problems) as problems:
        session.plan()
    (one,) = problems.value.diagnostics
    assert says in one.message
    assert one.span.line > 1


def test_a_store_that_does_not_answer_and_a_secret_that_is_not_set(server, bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(server, "url", "http://127.0.0.1:9")
    write(tmp_path, "s3://b/x.csv", server)
    with Session(tmp_path) as session, pytest.raises(Problems, match="the endpoint does not answer"):
        session.plan()
    monkeypatch.delenv("SHOP_SECRET")
    with Session(tmp_path) as session, pytest.raises(Problems, match="`SHOP_SECRET` is not set"):
        session.plan()


def test_no_secret_is_written_anywhere(server, bucket, tmp_path):
    name, store = bucket
    obstore.put(store, "x.csv", b"a\n1\n")
    write(tmp_path, f"s3://{name}/x.csv", server)
    with Session(tmp_path) as session:
        planned = session.plan()
        session.save(planned, tmp_path / "x.plan")
        assert session.apply(planned, on_event=lambda event: None).ok
    for path in tmp_path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert b"the-secret-value" not in data, path
            assert b"the-key" not in data, path
