"""How a cluster is reached: a kubeconfig, as its own tools read it, or the account of the pod that this runs in."""

import base64
import json
import os
import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlspec.backends.manifest import read_manifest
from mlspec.backends.port import BackendError

Json = Mapping[str, Any]
_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_PATIENCE = 60.0


@dataclass(frozen=True)
class Access:
    """An API server, and as whom it is asked; `context` is the name for people."""

    server: str
    context: str
    tls: ssl.SSLContext | None = None
    token: str = ""
    namespace: str = ""


def access(root: Path, kubeconfig: str, context: str) -> Access:
    """Find the way: the option, `KUBECONFIG`, `~/.kube/config`, or the pod's own account. Raises BackendError."""
    named = kubeconfig or os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    path = root / Path(named).expanduser() if named else Path.home() / ".kube" / "config"
    if not named and not path.is_file() and (_POD / "token").is_file():
        return _of_pod()
    try:
        said = read_manifest(path.read_text("utf-8"))
    except OSError as error:
        message = f"there is no kubeconfig at `{path}`: {error.strerror}"
        raise _unreachable(message, "set `kubeconfig` in the target's options, or `KUBECONFIG`") from None
    if not isinstance(said, dict):
        raise _unreachable(f"`{path}` is not a kubeconfig", "it is a mapping with `clusters`, `users` and `contexts`")
    return _of_config(said, context or str(said.get("current-context", "")), path)


def _of_pod() -> Access:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    host = f"[{host}]" if ":" in host else host
    tls = ssl.create_default_context(cafile=str(_POD / "ca.crt"))
    return Access(f"https://{host}:{port}", "this pod", tls, (_POD / "token").read_text("utf-8").strip())


def _of_config(said: Json, context: str, path: Path) -> Access:
    chosen = _named(said, "contexts", context, path).get("context", {})
    cluster = _named(said, "clusters", str(chosen.get("cluster", "")), path).get("cluster", {})
    user = _named(said, "users", str(chosen.get("user", "")), path).get("user", {}) if chosen.get("user") else {}
    if "exec" in user:
        user = {**user, **_executed(user["exec"], cluster)}
    server = str(cluster.get("server", ""))
    if not server.startswith(("https://", "http://")):
        raise _unreachable(f"`{path}` says no server for context `{context}`", "it is a URL: `https://host:6443`")
    tls = _tls(cluster, user, path) if server.startswith("https://") else None
    return Access(server.rstrip("/"), context, tls, _token(user, path), str(chosen.get("namespace", "")))


def _named(said: Json, what: str, name: str, path: Path) -> Json:
    found = [c for c in said.get(what) or () if isinstance(c, dict) and c.get("name") == name]
    if not found:
        known = ", ".join(f"`{c.get('name')}`" for c in said.get(what) or () if isinstance(c, dict)) or "none"
        raise _unreachable(f"`{path}` has no `{name}` among its {what}", f"there are: {known}")
    return dict(found[0])


def _token(user: Json, path: Path) -> str:
    if user.get("token"):
        return str(user["token"])
    return (path.parent / str(user["tokenFile"])).read_text("utf-8").strip() if user.get("tokenFile") else ""


def _tls(cluster: Json, user: Json, path: Path) -> ssl.SSLContext:
    authority = _bytes(cluster, "certificate-authority", path)
    found = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
    certificate, key = _bytes(user, "client-certificate", path), _bytes(user, "client-key", path)
    if certificate and key:
        _load(found, certificate + b"\n" + key)
    return found


def _load(tls: ssl.SSLContext, pair: bytes) -> None:
    """Let TLS have a certificate with its key, which it reads from a file only: one that nobody else sees."""
    descriptor = os.memfd_create("mlspec") if hasattr(os, "memfd_create") else -1
    if descriptor < 0:
        raise _unreachable("client certificates in a kubeconfig are read on Linux only", "use a token")
    try:
        os.write(descriptor, pair)
        tls.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _bytes(said: Json, name: str, path: Path) -> bytes:
    """What a kubeconfig holds itself (`name-data`), or a file beside it (`name`)."""
    if data := said.get(f"{name}-data"):
        return base64.b64decode(str(data))
    return (path.parent / str(said[name])).read_bytes() if said.get(name) else b""


def _executed(said: Json, cluster: Json) -> dict[str, Any]:
    """Ask the program that a kubeconfig names for credentials, as `kubectl` does."""
    about = {"apiVersion": said.get("apiVersion"), "kind": "ExecCredential", "spec": {"interactive": False}}
    if said.get("provideClusterInfo"):
        about["spec"] = {"interactive": False, "cluster": dict(cluster)}
    env = {e["name"]: e["value"] for e in said.get("env") or ()}
    command = [str(said["command"]), *(str(a) for a in said.get("args") or ())]
    try:
        done = subprocess.run(  # noqa: S603 - what the user's own kubeconfig names
            command,
            env={**os.environ, **env, "KUBERNETES_EXEC_INFO": json.dumps(about)},
            capture_output=True,
            timeout=_PATIENCE,
            check=True,
        )
        status = json.loads(done.stdout)["status"]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        message = f"`{command[0]}` gave no credentials: {type(error).__name__}"
        raise _unreachable(message, "the kubeconfig names it; try it by hand") from None
    names = {"token": "token", "clientCertificateData": "client-certificate-data", "clientKeyData": "client-key-data"}
    found = {ours: status[theirs] for theirs, ours in names.items() if status.get(theirs)}
    return {n: base64.b64encode(v.encode()).decode() if n.endswith("-data") else v for n, v in found.items()}


def _unreachable(message: str, help_: str) -> BackendError:
    return BackendError(message, help_, "cluster-unreachable")
