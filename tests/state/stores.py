"""Every state store that can be had here, opened afresh for a test; what one store keeps, another one opened alike reads."""

import functools
import itertools
import os
import threading
from pathlib import Path

import pytest
import servers

from mlspec.backends.chosen import STORES
from mlspec.backends.port import Place

COUNT = itertools.count()


def options(name: str, unique: str) -> dict:
    """What an environment says to choose this store, for a state of its own. Skips where it cannot be had."""
    if name == "file":
        return {}
    if name == "postgres":
        server = servers.postgres()
        return {"dsn": server.dsn("postgres"), "schema": f"state_{unique}", "patience": 2.0, "timeout": 5.0}
    return {"bucket": bucket(), "prefix": unique, "endpoint": s3(), "patience": 2.0, "timeout": 5.0}


def fresh() -> str:
    return f"t{os.getpid()}_{next(COUNT)}"


def opened(name: str, root: Path, chosen: dict, environment: str = "dev"):
    kind = STORES.get(name)
    place = Place(Path(root), Path(root) / ".mlspec", environment, "flights")
    return kind(kind.Settings(**chosen), place)


@functools.cache
def s3() -> str:
    """The address of an S3 server of this process."""
    moto = pytest.importorskip("moto.server", reason="needs `moto[s3]`, `flask` and `flask-cors`")
    pytest.importorskip("obstore", reason="needs the extra `s3`")
    from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: PLC0415 - comes with moto

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *_) -> None:
            pass

    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="us-east-1")  # noqa: S106
    app = moto.DomainDispatcherApplication(moto.create_backend_app)
    one_at_a_time = threading.Lock()  # as the real one: whether to write, and writing, are one step

    def answered(environ, start):
        with one_at_a_time:
            return app(environ, start)

    server = make_server("127.0.0.1", 0, answered, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


@functools.cache
def bucket() -> str:
    import urllib.request  # noqa: PLC0415 - for this

    name = f"states-{os.getpid()}"
    made = urllib.request.Request(f"{s3()}/{name}", method="PUT")  # noqa: S310 - a server of ours
    urllib.request.urlopen(made, timeout=30).close()  # noqa: S310 - as above
    return name
