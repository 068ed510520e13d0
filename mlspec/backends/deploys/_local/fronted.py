"""Several versions at one port of this machine: model servers on ports of their own, and a process before them that shares requests out."""

import http.client
import json
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mlspec.backends import processes
from mlspec.backends.found import Difference
from mlspec.backends.port import BackendError
from mlspec.base.digest import digest
from mlspec.base.folder import write_text
from mlspec.base.value import dataclass
from mlspec.ir.service import Rollout

Json = dict[str, Any]
_PAUSE = 0.05
_WHOLE = 100


@dataclass(frozen=True)
class Served:
    """A version as its server is told of it: what the deployment says, and where the version lies."""

    version: str
    service: Json
    located: Json

    @property
    def digest(self) -> str:
        """The same for what answers alike."""
        return digest(self.service, self.located)


@dataclass(frozen=True)
class Fronted:
    """The servers below `folder`, and the front on `port`; `startup` is how many seconds one may take to answer."""

    folder: Path
    port: int
    env: Mapping[str, str]
    startup: float

    def adopt(self, old: Served, release: Callable[[], None]) -> None:
        """Let a version that answered without a front go on behind one; `release` ends it where it was."""
        routes = self._swept()
        if not routes["main"]:
            entry = self._started(routes, old)
            self._write(routes | {"main": [entry]})
            release()
            self._front()

    def serve(self, new: Served, rollout: Rollout, shadow: Served | None, told: str) -> list[str]:
        """Let a version take over, in the steps of a canary where one answers already; what happened, in notes.

        `told` is the digest of all that was asked for. Raises BackendError, and the version before has all requests again,
        when the new one does not load or is given up.
        """
        routes = self._swept()
        stable, begun = next(iter(routes["main"]), None), list[Json]()
        try:
            hears = self._hearing(routes, rollout, shadow, begun)
            entry, notes = stable, list[str]()
            if stable is None or stable["digest"] != new.digest:
                entry = self._started(routes, new)
                begun.append(entry)
                if stable is not None:
                    self._front()
                    notes = list(self._steps(routes, stable, entry, rollout))
                elif rollout.canary:
                    notes = ["nothing answered before, so that there is nobody to share requests with"]
            self._write(routes | {"bundle": told, "main": [entry], "shadow": hears})
            self._front()
        except BaseException:
            self._write(routes)
            for one in begun:
                self._end(one)
            raise
        for old, now in ((stable, entry), (routes.get("shadow"), hears)):
            if old and old["id"] != (now or {}).get("id"):
                self._end(old)
        return notes

    def _steps(self, routes: Json, stable: Json, entry: Json, rollout: Rollout) -> Iterator[str]:
        for share in rollout.canary:
            self._write(routes | {"main": [stable | {"weight": _WHOLE - share}, entry | {"weight": share}]})
            deadline = time.monotonic() + rollout.hold
            while time.monotonic() < deadline:
                self._give_up_if(stable, entry, rollout)
                time.sleep(_PAUSE)
            told = self._give_up_if(stable, entry, rollout)
            yield f"{share} % for {rollout.hold} s: {told.get('requests', 0)} requests, {told.get('errors', 0)} failed"

    def _give_up_if(self, stable: Json, entry: Json, rollout: Rollout) -> Json:
        """How the new version does. Raises BackendError where there is a reason to give it up."""
        told = self.told().get("servers", {}).get(entry["id"], {})
        for condition in rollout.abort_if if told.get("requests") else ():
            metric, _, bound = condition.partition(" > ")
            if told[metric] > float(bound):
                message = (
                    f"version {entry['version'][:8]} is given up: `{metric}` is {told[metric]:.4g} after "
                    f"{told['requests']} requests, and more than {bound} is a reason to"
                )
                raise BackendError(message, f"version {stable['version'][:8]} has all requests again", "canary-aborted")
        if not processes.alive(self.folder / entry["id"] / "server.pid"):
            message = f"version {entry['version'][:8]} is given up: its server has ended"
            raise BackendError(message, f"version {stable['version'][:8]} has all requests again", "canary-aborted")
        return dict(told)

    def _hearing(self, routes: Json, rollout: Rollout, shadow: Served | None, begun: list[Json]) -> Json | None:
        """The server that hears a share of the requests: the one of before where it is the same, or one that is `begun`."""
        if shadow is None:
            return None
        known = routes.get("shadow")
        if known and known["digest"] == shadow.digest and processes.alive(self.folder / known["id"] / "server.pid"):
            return {**known, "percent": rollout.shadow}
        begun.append(self._started(routes, shadow))
        return begun[-1] | {"percent": rollout.shadow}

    def _swept(self) -> Json:
        """The routes, with the one that has most requests alone; what a canary that was cut short has left is ended."""
        routes = self._read()
        alive = [e for e in routes["main"] if processes.alive(self.folder / e["id"] / "server.pid")]
        alive.sort(key=lambda e: (e["weight"], -e["attempt"]), reverse=True)
        kept = [{**e, "weight": _WHOLE} for e in alive if e.get("stable")][:1] or [
            {**e, "weight": _WHOLE} for e in alive[:1]
        ]
        ids = {e["id"] for e in kept} | ({routes["shadow"]["id"]} if routes.get("shadow") else set())
        swept = routes | {"main": kept}
        if kept and kept != routes["main"]:
            self._write(swept)
        for place in self.folder.glob("*/server.pid"):
            if place.parent.name not in ids:
                self._end({"id": place.parent.name})
        return swept

    def _started(self, routes: Json, served: Served) -> Json:
        """Start a server and wait until it answers. Raises BackendError with the end of its log."""
        routes["attempt"] = attempt = int(routes.get("attempt", 0)) + 1
        name, port = f"{served.digest[:8]}-{attempt}", _free_port()
        place = self.folder / name
        place.mkdir(parents=True)
        for file, content in (("service.json", {**served.service, "port": port}), ("version.json", served.located)):
            (place / file).write_text(json.dumps(content, indent=2) + "\n", "utf-8")
        command = [sys.executable, "-m", "mlspec.serving.server", "--bundle", str(place)]
        processes.start(command, place / "server.pid", place / "server.log", place, self.env)
        deadline = time.monotonic() + self.startup
        while _asked(port, "/v2/health/ready") is None:
            if not processes.alive(place / "server.pid") or time.monotonic() > deadline:
                log = (place / "server.log").read_text("utf-8", "replace").splitlines()
                self._end({"id": name})
                message = f"the server of version {served.version[:8]} does not answer: {log[-1] if log else 'it said nothing'}"
                raise BackendError(message, "docs/deployments.md says what files a model must hold", "server-failed")
            time.sleep(_PAUSE)
        return {
            "id": name,
            "version": served.version,
            "port": port,
            "weight": _WHOLE,
            "digest": served.digest,
            "attempt": attempt,
        }

    def _front(self) -> None:
        """Let the front run, on the port that is wanted."""
        place = self.folder / "front.pid"
        if processes.alive(place) and self.told() != {}:
            return
        processes.stop(place)
        command = [sys.executable, "-m", "mlspec.serving.front", "--routes", str(self.folder / "routes.json")]
        command += ["--port", str(self.port), "--wait-for-port", "5"]
        processes.start(command, place, self.folder / "front.log", self.folder, self.env)
        deadline = time.monotonic() + self.startup
        while self.told() == {}:
            if not processes.alive(place) or time.monotonic() > deadline:
                processes.stop(place)
                raise BackendError(f"port {self.port} of this machine is taken by another process",
                                   "end that process, or choose another `port`", "port-taken")  # fmt: skip
            time.sleep(_PAUSE)

    def told(self) -> Json:
        """What the front says of its servers; nothing where it does not answer on this port, or that of somebody else does."""
        said = _asked(self.port, "/mlspec/routes") or {}
        return said if said.get("routes") == str((self.folder / "routes.json").resolve()) else {}

    def differences(self, wanted: str) -> tuple[Difference, ...]:
        """What is not as it was left: a server or the front has ended, or others answer."""
        routes = self._read()
        main = routes["main"]
        if routes.get("bundle") != wanted or len(main) != 1:
            return (Difference("edited", str(self.folder / "routes.json"), wanted, str(routes.get("bundle", ""))),)
        listed = [*main, *([routes["shadow"]] if routes.get("shadow") else [])]
        stopped = [e for e in listed if not processes.alive(self.folder / e["id"] / "server.pid")]
        if stopped:
            return (Difference("stopped", f"the server of version {stopped[0]['version'][:8]}"),)
        return () if self.told() else (Difference("stopped", f"the front on port {self.port}"),)

    def stop(self) -> None:
        """End everything."""
        processes.stop(self.folder / "front.pid")
        for place in self.folder.glob("*/server.pid"):
            processes.stop(place)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, entry: Json) -> None:
        processes.stop(self.folder / entry["id"] / "server.pid")
        shutil.rmtree(self.folder / entry["id"], ignore_errors=True)

    def _read(self) -> Json:
        try:
            found: Json = json.loads((self.folder / "routes.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {"main": [], "shadow": None}
        return found

    def _write(self, routes: Json) -> None:
        """The first of `main` is the one that all requests go back to."""
        main = [{**e, "stable": not i} for i, e in enumerate(routes["main"])]
        write_text(self.folder / "routes.json", json.dumps(routes | {"main": main}, indent=2) + "\n")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _asked(port: int, path: str) -> Json | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        found: Json | None = json.loads(answer.read()) if answer.status == http.client.OK else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    else:
        return found
    finally:
        connection.close()
