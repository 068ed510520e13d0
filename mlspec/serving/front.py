"""Stands before several model servers of one deployment: `python -m mlspec.serving.front --routes FILE --port N`.

Each request goes to one of the `main` servers by weight (in turn, so that ten of a hundred are ten), and a share of them once more to
the `shadow`, whose answers nobody gets. `routes.json` is read again whenever it changes. `GET /mlspec/routes` says how each of them does.
"""

import argparse
import http.client
import json
import logging
import signal
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from mlspec.base.value import dataclass, field

Json = dict[str, Any]
_log = logging.getLogger("mlspec.serving")
_KEPT = 2000
_AT_ONCE = 8
_WAITING = 64
_PASSED_ON = ("Content-Type",)
_WHOLE = 100.0


@dataclass
class Tally:
    """How a version does: its requests, those that failed (5xx, or no answer), and the seconds that the last of them took.

    `dropped` are those that a shadow should have heard, and did not, for it was too slow.
    """

    requests: int = 0
    errors: int = 0
    dropped: int = 0
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def told(self) -> Json:
        """The same as JSON, with percentiles."""
        ranked = sorted(self.seconds)
        at = {
            f"latency_p{p}": ranked[min(len(ranked) * p // 100, len(ranked) - 1)] if ranked else 0.0
            for p in (50, 95, 99)
        }
        rate = self.errors / self.requests if self.requests else 0.0
        counted = {"requests": self.requests, "errors": self.errors, "dropped": self.dropped}
        return {**counted, "error_rate": rate, **at}


class Routes:
    """Which server is asked next: the one with the most credit, which everybody earns by weight."""

    def __init__(self, path: Path) -> None:
        self.path, self._stamp, self._lock = path, (0, 0), threading.Lock()
        self._main: list[Json] = []
        self._shadow: Json | None = None
        self._credit: dict[str, float] = {}
        self.tallies: dict[str, Tally] = {}

    def another(self, but: str) -> Json | None:
        """A server other than one that did not answer: the routes may have changed, or it has ended."""
        with self._lock:
            self._read()
            return next((one for one in self._main if one["id"] != but), None)

    def chosen(self) -> tuple[Json, Json | None]:
        """The server for a request, and the one that is asked beside it."""
        with self._lock:
            self._read()
            shadow = self._earned("shadow", float(self._shadow["percent"]), _WHOLE) if self._shadow else False
            for one in self._main:
                self._credit[one["id"]] = self._credit.get(one["id"], 0.0) + float(one["weight"])
            best = max(self._main, key=lambda one: self._credit[one["id"]])
            self._credit[best["id"]] -= sum(float(one["weight"]) for one in self._main)
            return best, self._shadow if shadow else None

    def _earned(self, name: str, share: float, price: float) -> bool:
        self._credit[name] = self._credit.get(name, 0.0) + share
        if self._credit[name] < price:
            return False
        self._credit[name] -= price
        return True

    def _read(self) -> None:
        about = self.path.stat()
        if (about.st_mtime_ns, about.st_ino) == self._stamp:
            return
        said = json.loads(self.path.read_text("utf-8"))
        self._main, self._shadow = [one for one in said["main"] if one["weight"]], said.get("shadow")
        self._stamp, self._credit = (about.st_mtime_ns, about.st_ino), {}

    def count(self, server: str, seconds: float, *, failed: bool) -> None:
        """Note how a request went."""
        with self._lock:
            tally = self.tallies.setdefault(server, Tally())
            tally.requests += 1
            tally.errors += failed
            tally.seconds.append(seconds)

    def drop(self, server: str) -> None:
        """Note that a shadow did not hear a request."""
        with self._lock:
            self.tallies.setdefault(server, Tally()).dropped += 1

    def told(self) -> Json:
        """How every version does; `routes` says whose they are, for another front may have the port."""
        with self._lock:
            self._read()
            return {
                "routes": str(self.path.resolve()),
                "main": self._main,
                "shadow": self._shadow,
                "servers": {v: t.told() for v, t in sorted(self.tallies.items())},
            }


class Front(ThreadingHTTPServer):
    """Passes requests on; mirrors in threads of their own, so that a slow shadow keeps nobody waiting.

    No more than 64 requests wait for a shadow: what comes beyond that is dropped, and counted, for else memory would fill with bodies.
    """

    daemon_threads = True

    def __init__(self, routes: Routes, port: int) -> None:
        self.routes, self._pool, self._room = routes, ThreadPoolExecutor(_AT_ONCE), threading.Semaphore(_WAITING)
        super().__init__(("127.0.0.1", port), _Conversation)

    def server_close(self) -> None:
        """Let the port go; what a shadow has not heard yet it never will."""
        super().server_close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def mirror(self, shadow: Json, path: str, body: bytes, headers: dict[str, str]) -> None:
        """Let a shadow hear a request, as soon as it can."""
        if not self._room.acquire(blocking=False):
            self.routes.drop(shadow["id"])
            return
        try:
            heard = self._pool.submit(self.asked, shadow, "POST", path, body, headers)
        except RuntimeError:  # the front is ending
            self.routes.drop(shadow["id"])
            self._room.release()
        else:
            heard.add_done_callback(lambda _: self._room.release())

    def asked(self, server: Json, verb: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Ask a model server, and note how it did."""
        begin = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", int(server["port"]), timeout=30)
        try:
            connection.request(verb, path, body or None, headers)
            answer = connection.getresponse()
            status, text = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            _log.warning("version %s does not answer: %s", server["version"], error)
            status, text = HTTPStatus.BAD_GATEWAY, b'{"error": "the model server does not answer"}'
        finally:
            connection.close()
        if verb == "POST":
            self.routes.count(server["id"], time.monotonic() - begin, failed=status >= HTTPStatus.INTERNAL_SERVER_ERROR)
        return status, text


class _Conversation(BaseHTTPRequestHandler):
    server: Front
    protocol_version = "HTTP/1.1"
    server_version = "mlspec"
    sys_version = ""
    timeout: ClassVar[float] = 30.0

    def do_GET(self) -> None:
        if self.path == "/mlspec/routes":
            self._send(HTTPStatus.OK, json.dumps(self.server.routes.told()).encode(), "")
            return
        main, _ = self.server.routes.chosen() if self.path.startswith("/v2/models/") else (self._stable(), None)
        status, text = self.server.asked(main, "GET", self.path, b"", {})
        self._send(status, text, main["version"])

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit() and int(length) <= 64 * 2**20):
            self.close_connection = True
            self._send(
                HTTPStatus.BAD_REQUEST, b'{"error": "the request says no Content-Length, or one that is too large"}', ""
            )
            return
        body = self.rfile.read(int(length))
        headers = {n: self.headers[n] for n in _PASSED_ON if n in self.headers}
        main, shadow = self.server.routes.chosen()
        if shadow:
            self.server.mirror(shadow, self.path, body, headers)
        status, text = self.server.asked(main, "POST", self.path, body, headers)
        if status == HTTPStatus.BAD_GATEWAY and (other := self.server.routes.another(main["id"])) is not None:
            main = other
            status, text = self.server.asked(main, "POST", self.path, body, headers)
        self._send(status, text, main["version"])

    def _stable(self) -> Json:
        """Probes ask the server that most requests go to."""
        found: Json = max(self.server.routes.told()["main"], key=lambda one: one["weight"])
        return found

    def _send(self, status: int, body: bytes, version: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if version:
            self.send_header("X-Mlspec-Version", version)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        _log.info(format, *args)


def main() -> int:
    """Read the arguments and pass requests on until SIGTERM; 1 where the port is not free."""
    parser = argparse.ArgumentParser(prog="python -m mlspec.serving.front", description="Stand before model servers.")
    parser.add_argument("--routes", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--wait-for-port", type=float, default=0.0, metavar="SECONDS")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    deadline = time.monotonic() + arguments.wait_for_port
    while True:
        try:
            front = Front(Routes(arguments.routes), arguments.port)
            break
        except OSError as error:
            if time.monotonic() >= deadline or stopped.wait(0.02):
                _log.error("cannot listen on 127.0.0.1:%d: %s", arguments.port, error.strerror)
                return 1
    with front:
        threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.05}).start()
        stopped.wait()
        front.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
