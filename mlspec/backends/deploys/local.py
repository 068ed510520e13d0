"""Deploys to this machine: a small model server in a process of its own, on 127.0.0.1."""

import contextlib
import http.client
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import mlspec
from mlspec.backends import processes
from mlspec.backends.deploys._local.fronted import Fronted, Served
from mlspec.backends.found import Difference
from mlspec.backends.port import Artifact, BackendError, Capability, DeployTarget, ModelVersion, Outcome
from mlspec.base.digest import digest
from mlspec.base.value import asdict, dataclass
from mlspec.ir.service import Probe, Rollout, Service

Json = dict[str, Any]


class Local(DeployTarget):
    """Serves one version of a deployment at a time, by `python -m mlspec.serving.server`.

    A bundle is a folder `deployments/<environment>/<name>` of the private folder, with `service.json` (what the
    deployment says), `version.json` (where the model version lies), `server.pid` and `server.log`. A new version is
    loaded in `next` below it, beside the running one, which ends only when the new one has loaded. Requests carry the
    stored features of the contract, for nothing is looked up in an online store, and what the others are computed from. Values of secrets are read from the environment
    of whoever applies and are written nowhere; a changed secret takes effect with the next change of the deployment.
    """

    @dataclass(frozen=True)
    class Settings:
        """`startup` is how many seconds a model may take to load."""

        startup: float = 60.0

    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.CANARY, Capability.SHADOW})
    exclusive: ClassVar[bool] = True

    def render(self, service: Service, version: ModelVersion | None) -> tuple[Artifact, ...]:
        """Write what the server is told about the deployment; where the model lies is not known before apply."""
        text = _json_text(_described(service))
        return (Artifact(f"{self._path(service.name)}/service.json", text),)

    def refused(self, service: Service) -> tuple[BackendError, ...]:
        rollout, found = service.rollout, []
        if rollout.canary and not rollout.hold:
            found.append(
                _refused(
                    "canary", "without `hold` a step is over before it began", "say how long one lasts: `hold: 10m`"
                )
            )
        if rollout.canary_version:
            why = "here the new version takes over from the one before"
            found.append(_refused("canary_alias", why, "leave it out: the alias moves, and the canary begins"))
        return tuple(found)

    def apply(self, service: Service, version: ModelVersion) -> Outcome:
        return self.apply_beside(service, version, {})

    def apply_beside(self, service: Service, version: ModelVersion, others: Mapping[str, ModelVersion]) -> Outcome:
        """Let this version answer, and the one before it until then. Raises BackendError with the end of the log."""
        bundle = self._bundle(self._path(service.name))
        outputs = self._outputs(service, version)
        if self.observe(outputs):
            return Outcome(outputs)
        env = {**os.environ, **dict(service.env), **_secrets(service), "PYTHONPATH": _python_path(service)}
        if outputs.get("fronted"):
            return self._fronted(service, version, others, (outputs, env))
        processes.stop(bundle / "next/server.pid")
        shutil.rmtree(bundle / "next", ignore_errors=True)
        _refuse_taken(bundle, service.port, self._front(outputs))
        self._load(self._write(bundle, service, version), env)
        processes.stop(bundle / "server.pid")
        self._front(outputs).stop()
        self._await(bundle, outputs)
        _take_over(bundle)
        note = f"`{service.name}` answers on {outputs['url']}; a request carries every stored feature of the contract"
        return Outcome(outputs, (note,))

    def observe(self, outputs: Mapping[str, Any]) -> bool:
        """Whether the process lives, was told the same, and answers with the right version."""
        return not self.differences(outputs)

    def differences(self, outputs: Mapping[str, Any]) -> tuple[Difference, ...]:
        bundle = self._bundle(outputs["path"])
        if outputs.get("fronted") and bundle.is_dir():
            return self._front(outputs).differences(str(outputs["bundle"]))
        if not bundle.is_dir():
            return (Difference("missing", outputs["path"], outputs["bundle"]),)
        if (told := _told(bundle)) != outputs["bundle"]:
            return (Difference("edited", outputs["path"], outputs["bundle"], told),)
        if not processes.alive(bundle / "server.pid"):
            return (Difference("stopped", f"the server on port {outputs['port']}"),)
        return () if _answers(outputs) else (Difference("stopped", f"the server on port {outputs['port']} (silent)"),)

    def destroy(self, outputs: Mapping[str, Any]) -> None:
        """Stop the server and remove its bundle."""
        bundle = self._bundle(outputs["path"])
        processes.stop(bundle / "next/server.pid")
        processes.stop(bundle / "server.pid")
        self._front(outputs).stop()
        shutil.rmtree(bundle, ignore_errors=True)
        for folder in (bundle.parent, bundle.parent.parent):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _front(self, outputs: Mapping[str, Any], env: Mapping[str, str] | None = None) -> Fronted:
        return Fronted(self._bundle(outputs["path"]) / "front", int(outputs["port"]), env or {}, self.settings.startup)

    def _fronted(
        self,
        service: Service,
        version: ModelVersion,
        others: Mapping[str, ModelVersion],
        told: tuple[Json, Mapping[str, str]],
    ) -> Outcome:
        """Let several versions answer behind one port; a server without a front makes way for it."""
        outputs, env = told
        bundle, front = self._bundle(outputs["path"]), self._front(outputs, env)
        bundle.mkdir(parents=True, exist_ok=True)
        processes.stop(bundle / "next/server.pid")
        _refuse_taken(bundle, service.port, self._front(outputs))
        if processes.alive(bundle / "server.pid"):
            before, located = (json.loads((bundle / f).read_text("utf-8")) for f in ("service.json", "version.json"))
            front.adopt(Served(before["version"], before, located), lambda: processes.stop(bundle / "server.pid"))
        alone = {k: v for k, v in _described(service).items() if k != "rollout"}  # who hears what changes no answer
        shadowed = others.get(service.rollout.shadow_version)
        shadow = None
        if shadowed is not None:
            said = alone | {"version": shadowed.version, "contract": _fields(shadowed.contract)}
            shadow = Served(shadowed.version, said, self._located(shadowed))
        new = Served(version.version, alone, self._located(version))
        notes = front.serve(new, service.rollout, shadow, str(outputs["bundle"]))
        hears = [f"version {shadow.version[:8]} hears {service.rollout.shadow} % of the requests"] if shadow else []
        return Outcome(outputs, (f"`{service.name}` answers on {outputs['url']}", *notes, *hears))

    def _path(self, name: str) -> str:
        private = self.place.private.relative_to(self.place.root).as_posix()
        return f"{private}/deployments/{self.place.environment}/{name}"

    def _bundle(self, path: str) -> Path:
        bundle = (self.place.root / path).resolve()
        if bundle.parent != (self.place.private / "deployments" / self.place.environment).resolve():
            raise BackendError(f"`{path}` is not a deployment of environment `{self.place.environment}`")
        return bundle

    def _outputs(self, service: Service, version: ModelVersion) -> Json:
        return {
            "path": self._path(service.name),
            "url": f"http://127.0.0.1:{service.port}",
            "port": service.port,
            "model": service.model,
            "version": service.version,
            "bundle": digest(_described(service), self._located(version)),
            **({"fronted": True} if service.rollout.canary or service.rollout.shadow else {}),
        }

    def _located(self, version: ModelVersion) -> Json:
        """Say where the files of a version are and what they answer: what only the registry knows."""
        return {
            "format": version.format,
            "files": str((self.place.root / version.path).resolve()),
            "output": _fields(version.output),
        }

    def _write(self, bundle: Path, service: Service, version: ModelVersion) -> Path:
        coming = bundle / "next"
        coming.mkdir(parents=True)
        (coming / "service.json").write_text(_json_text(_described(service)), encoding="utf-8")
        (coming / "version.json").write_text(_json_text(self._located(version)), encoding="utf-8")
        return coming

    def _load(self, coming: Path, env: Mapping[str, str]) -> None:
        """Start the server of a bundle and wait until it has loaded its model."""
        startup = self.settings.startup
        server = ["-m", "mlspec.serving.server", "--bundle", str(coming), "--wait-for-port", str(startup)]
        processes.start([sys.executable, *server], coming / "server.pid", coming / "server.log", coming.parent, env)
        deadline = time.monotonic() + startup
        while not (coming / "loaded").exists():
            if not processes.alive(coming / "server.pid") or time.monotonic() > deadline:
                _give_up(coming, "did not load its model")
            time.sleep(0.02)

    def _await(self, bundle: Path, outputs: Json) -> None:
        coming = bundle / "next"
        deadline = time.monotonic() + self.settings.startup
        while not _answers(outputs):
            if not processes.alive(coming / "server.pid") or time.monotonic() > deadline:
                _give_up(coming, f"does not answer on port {outputs['port']}")
            time.sleep(0.02)


def _described(service: Service) -> Json:
    return {
        "name": service.name,
        "model": service.model,
        "version": service.version,
        "port": service.port,
        "contract": _fields(service.contract),
        "request": _fields(service.request),
        "computed": [asdict(one) for one in service.computed],
        "liveness": _probe(service.liveness),
        "readiness": _probe(service.readiness),
        "env": dict(service.env),
        "secrets": {name: secret.key for name, secret in service.secrets},
        "labels": dict(service.labels),
        **({"startup": _probe(service.startup)} if service.startup else {}),
        **_shared(service.rollout),
    }


def _shared(rollout: Rollout) -> Json:
    """How requests are shared out; nothing where one version has them all."""
    if not rollout.canary and not rollout.shadow:
        return {}
    names = ("canary", "hold", "abort_if", "shadow", "shadow_version")
    return {"rollout": {name: getattr(rollout, name) for name in names}}


def _refused(field: str, why: str, help_: str) -> BackendError:
    message = f"the deploy target `local` cannot honour `rollout.{field}`: {why}"
    return BackendError(message, help_, "unsupported-by-backend", ("rollout", field))


def _fields(pairs: tuple[tuple[str, str], ...]) -> list[Json]:
    return [{"name": name, "type": type_} for name, type_ in pairs]


def _probe(probe: Probe | None) -> Json | None:
    return asdict(probe) if probe else None


def _json_text(content: Json) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _told(bundle: Path) -> str:
    try:
        return digest(*(json.loads((bundle / file).read_text("utf-8")) for file in ("service.json", "version.json")))
    except (OSError, ValueError):
        return ""


def _secrets(service: Service) -> dict[str, str]:
    for name, secret in service.secrets:
        if secret.store != "env":
            message = f"secret `{name}` comes from {secret.store}, which this machine does not have"
            raise BackendError(message, f"`{name}: {{env: NAME}}` names a variable of this machine", "secret-missing")
        if secret.key not in os.environ:
            message = f"secret `{name}` is in no variable `{secret.key}` of this process"
            raise BackendError(message, f"export `{secret.key}` before applying", "secret-missing")
    return {name: os.environ[secret.key] for name, secret in service.secrets}


def _python_path(service: Service) -> str:
    """Let the server find this very package, whatever folder it works in."""
    above = dict(service.env).get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    return os.pathsep.join(filter(None, (str(Path(mlspec.__file__).resolve().parent.parent), above)))


def _refuse_taken(bundle: Path, port: int, front: Fronted) -> None:
    if not _is_free(port) and not _holds(bundle, port) and not front.told():
        message = f"port {port} of this machine is taken by another process"
        raise BackendError(message, "end that process, or choose another `port`", "port-taken")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _holds(bundle: Path, port: int) -> bool:
    """Whether the running server of this bundle is the one on that port."""
    try:
        mine = json.loads((bundle / "service.json").read_text("utf-8"))["port"] == port
    except (OSError, ValueError):
        return False
    return mine and processes.alive(bundle / "server.pid")


def _answers(outputs: Mapping[str, Any]) -> bool:
    model, version = quote(outputs["model"], safe=""), quote(outputs["version"], safe="")
    paths = ("/v2/health/ready", f"/v2/models/{model}/versions/{version}/ready")
    return all(_status(outputs["port"], path) == http.client.OK for path in paths)


def _status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _give_up(coming: Path, what: str) -> None:
    processes.stop(coming / "server.pid")
    log = (coming / "server.log").read_text("utf-8", "replace").splitlines()
    message = f"the server of `{coming.parent.name}` {what}: {log[-1] if log else 'it said nothing'}"
    raise BackendError(
        message,
        f"its log is `{coming / 'server.log'}`; docs/deployments.md says what files a model must hold",
        "server-failed",
    )


def _take_over(bundle: Path) -> None:
    for file in ("server.log", "version.json", "service.json", "server.pid"):
        (bundle / "next" / file).replace(bundle / file)
    shutil.rmtree(bundle / "next")
