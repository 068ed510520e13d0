"""Serves the model of a bundle on this machine: `python -m mlspec.serving.server --bundle DIR`.

Speaks the REST side of the Open Inference Protocol v2. A request carries the stored features of the contract, which are not
looked up here, and the values from which the others are computed, by the expressions of training.
"""

import argparse
import errno
import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from mlspec.ir.service import Computed
from mlspec.serving.bundle import Bundle, BundleError, Fields, read_bundle
from mlspec.serving.predictor import Predictor, load
from mlspec.serving.tensors import BadRequest, datatype, read_request, wanted_outputs, write_tensor

Json = dict[str, Any]
_log = logging.getLogger("mlspec.serving")
_MOST_BYTES = 64 * 2**20
_DRAIN_SECONDS = 5.0


class _NotThere(Exception):
    """Nothing answers at that address."""


class ModelServer(ThreadingHTTPServer):
    """Answers for one model version, on 127.0.0.1 or all addresses of a container; `busy` are the threads that are answering a request."""

    daemon_threads = True  # a client that says nothing must not hold the server

    def __init__(self, bundle: Bundle, predictor: Predictor, host: str = "127.0.0.1") -> None:
        self.bundle, self.predictor = bundle, predictor
        known = {name for name, _ in predictor.inputs}
        self.requested = _requested(tuple(one for one in bundle.computed if one.name in known))
        computed = {one.name for one in bundle.computed}
        stored = tuple((name, kind) for name, kind in predictor.inputs if name not in computed)
        self._texts = frozenset(name for name, _ in self.requested.inputs) if self.requested else frozenset()
        self.inputs: Fields = (*stored, *(self.requested.inputs if self.requested else ()))
        self.busy: set[int] = set()
        super().__init__((host, bundle.port), _Conversation)

    def answer(self, method: str, path: str, body: Callable[[], Json]) -> Json:
        """Answer a request. Raises _NotThere or, for what cannot be understood, BadRequest."""
        parts = [unquote(part) for part in path.strip("/").split("/")]
        match (method, parts):
            case ("GET", ["v2"]):
                return {"name": "mlspec", "version": "2", "extensions": []}
            case ("GET", ["v2", "health", "live"]):
                return {"live": True}
            case ("GET", ["v2", "health", "ready"]):
                return {"ready": True, "model": self.bundle.model, "version": self.bundle.version}
            case (_, ["v2", "models", model, "versions", version, *verb]):
                return self._of_model(model, version, (method, verb), body)
            case (_, ["v2", "models", model, *verb]):
                return self._of_model(model, self.bundle.version, (method, verb), body)
        if method == "GET" and path in {self.bundle.live, self.bundle.ready, self.bundle.startup} - {""}:
            return {"ready": True}
        raise _NotThere(f"there is no `{method} {path}`")

    def _of_model(self, model: str, version: str, asked: tuple[str, list[str]], body: Callable[[], Json]) -> Json:
        if (model, version) != (self.bundle.model, self.bundle.version):
            raise _NotThere(f"version `{version}` of model `{model}` is not served here")
        match asked:
            case ("GET", []):
                return self._metadata()
            case ("GET", ["ready"]):
                return {"name": model, "ready": True}
            case ("POST", ["infer"]):
                return self._infer(body())
        raise _NotThere(f"a model has no `{asked[0]} {'/'.join(asked[1])}`")

    def _metadata(self) -> Json:
        return {
            "name": self.bundle.model,
            "versions": [self.bundle.version],
            "platform": self.bundle.format,
            "inputs": _described(self.inputs),
            "outputs": _described(self.predictor.outputs),
        }

    def _infer(self, request: Json) -> Json:
        columns = read_request(request, self.inputs, self._texts)
        if self.requested:
            columns |= self.requested.compute(columns)
        types = dict(self.predictor.outputs)
        wanted = wanted_outputs(request, tuple(types))
        values = self.predictor.predict(columns)
        found: Json = {"model_name": self.bundle.model, "model_version": self.bundle.version}
        if isinstance(request.get("id"), str):
            found["id"] = request["id"]
        return found | {"outputs": [write_tensor(name, types[name], values[name]) for name in wanted]}


def _requested(computed: tuple[Computed, ...]) -> Any:
    """What computes features from requests; nothing where none is computed."""
    if not computed:
        return None
    from mlspec.serving.requested import Requested  # noqa: PLC0415 - it brings DuckDB and an SQL parser, which few models need

    return Requested(computed)


def _described(fields: Fields) -> list[Json]:
    return [{"name": name, "datatype": datatype(type_) or "BYTES", "shape": [-1]} for name, type_ in fields]


class _Conversation(BaseHTTPRequestHandler):
    """One request and its answer, always JSON."""

    server: ModelServer
    protocol_version = "HTTP/1.1"
    server_version = "mlspec"
    sys_version = ""
    timeout: ClassVar[float] = 30.0

    def do_GET(self) -> None:
        self._respond("GET")

    def do_POST(self) -> None:
        self._respond("POST")

    def _respond(self, method: str) -> None:
        self.server.busy.add(threading.get_ident())
        try:
            self._send(HTTPStatus.OK, self.server.answer(method, urlsplit(self.path).path, self._body))
        except _NotThere as error:
            self._send(HTTPStatus.NOT_FOUND, {"error": str(error)})
        except BadRequest as error:
            self._send(HTTPStatus.BAD_REQUEST, {"error": str(error)})
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception as error:  # noqa: BLE001 - a model may raise anything; the log tells why
            _log.exception("a request failed")
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": f"the model failed: {type(error).__name__}"})
        finally:
            self.server.busy.discard(threading.get_ident())

    def _body(self) -> Json:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise BadRequest("the request says no Content-Length")
        if int(length) > _MOST_BYTES:
            raise BadRequest(f"the request is larger than {_MOST_BYTES} bytes")
        try:
            found = json.loads(self.rfile.read(int(length)), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"the request is not JSON: {error}") from None
        if not isinstance(found, dict):
            raise BadRequest("the request is not a JSON object")
        return found

    def _send(self, status: int, content: Json) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")  # so that stopping need not wait for idle connections
        self.end_headers()
        self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        self._send(code, {"error": message or HTTPStatus(code).phrase})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        _log.info(format, *args)


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def serve(folder: Path, wait_for_port: float = 0.0, host: str = "127.0.0.1") -> None:
    """Load the model of a bundle, say so in its file `loaded`, and answer requests until SIGTERM.

    Waits so many seconds for a port that another process still holds. Raises BundleError.
    """
    bundle = read_bundle(folder)
    predictor = load(bundle)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    (folder / "loaded").write_text(bundle.version, encoding="utf-8")
    server = _bind(partial(ModelServer, bundle, predictor, host), bundle.port, wait_for_port, stopped)
    if server is None:
        return
    _log.info("model `%s` version %s on http://127.0.0.1:%d", bundle.model, bundle.version, bundle.port)
    with server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        stopped.wait()
        server.shutdown()
        deadline = time.monotonic() + _DRAIN_SECONDS
        while server.busy and time.monotonic() < deadline:
            time.sleep(0.01)


def _bind(make: Callable[[], ModelServer], port: int, patience: float, stopped: threading.Event) -> ModelServer | None:
    deadline = time.monotonic() + patience
    while not stopped.wait(0.02):
        try:
            return make()
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= deadline:
                raise BundleError(f"cannot listen on 127.0.0.1:{port}: {error.strerror}") from None
    return None


def main() -> int:
    """Read the arguments and serve; 1 after saying what stands against it."""
    parser = argparse.ArgumentParser(prog="python -m mlspec.serving.server", description="Serve a model version.")
    parser.add_argument("--bundle", type=Path, required=True, help="the folder with service.json and version.json")
    parser.add_argument("--wait-for-port", type=float, default=0.0, metavar="SECONDS")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        serve(arguments.bundle, arguments.wait_for_port)
    except BundleError as error:
        _log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
