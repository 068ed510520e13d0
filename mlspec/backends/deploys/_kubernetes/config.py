"""How a cluster is reached: a kubeconfig, as its own tools read it, or the account of the pod that this runs in."""

import base64
import json
import os
import re
import ssl
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlspec.backends.manifest import read_manifest
from mlspec.backends.port import BackendError
from mlspec.base.value import dataclass

Json = Mapping[str, Any]
_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_PATIENCE = 60.0
_HEADER = re.compile("[!-~](?:[ -~]*[!-~])?")
_REFUSED = {
    "username": "it is not supported: use a token, a certificate, or `exec`",
    "password": "it is not supported: use a token, a certificate, or `exec`",
    "auth-provider": "clusters have given it up: use `exec`",
    "as-user-extra": "only `as`, `as-uid` and `as-groups` are supported",
    "proxy-url": "no proxy is asked: go to the cluster directly",
}
"""Fields that would change how, or as whom, the cluster is asked, with what to do about them."""


@dataclass(frozen=True)
class Access:
    """An API server, and as whom it is asked; `context` is the name for people.

    `tls_name` is the name that its certificate carries, where that is not the host; `headers` say as whom else to act.
    """

    server: str
    context: str
    tls: ssl.SSLContext | None = None
    token: str = ""
    namespace: str = ""
    tls_name: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Part:
    """A mapping in the kubeconfig `path`; `at` is where it stands. Every reading raises BackendError with file and field."""

    said: Json
    path: Path
    at: str = ""

    def wrong(self, name: str, why: str, help_: str = "") -> BackendError:
        return _unreachable(f"`{self._at(name)}` of `{self.path}` {why}", help_ or "`kubectl config view` shows it")

    def _at(self, name: str) -> str:
        return ".".join(filter(None, (self.at, name)))

    def part(self, name: str) -> "_Part":
        found = self.said.get(name) or {}
        if not isinstance(found, dict):
            raise self.wrong(name, "is no mapping")
        return _Part(found, self.path, self._at(name))

    def listed(self, name: str, kind: type) -> list[Any]:
        found = self.said.get(name) or []
        if not isinstance(found, list) or not all(isinstance(one, kind) for one in found):
            raise self.wrong(name, f"is no list of {'texts' if kind is str else 'mappings'}")
        return found

    def named(self, what: str, name: str, inner: str) -> "_Part":
        """What has that name in a list."""
        entries = self.listed(what, dict)
        found = [entry for entry in entries if entry.get("name") == name]
        if not found:
            known = ", ".join(f"`{entry.get('name')}`" for entry in entries) or "none"
            raise _unreachable(f"`{self.path}` has no `{name}` among its {what}", f"there are: {known}")
        return _Part(found[0], self.path, f"{what}[{name}]").part(inner)

    def text(self, name: str) -> str:
        found = self.said.get(name)
        if found is not None and not isinstance(found, str):
            raise self.wrong(name, "is no text", "a number or a word like `yes` needs quotes")
        return found or ""

    def header(self, name: str, value: str) -> str:
        """A value as it can be sent."""
        if value and not _HEADER.fullmatch(value):
            raise self.wrong(name, "holds what cannot be sent", "letters, digits and signs of ASCII, in one line")
        return value

    def file(self, name: str) -> bytes:
        """What the file beside the kubeconfig holds that a field names."""
        try:
            return (self.path.parent / self.text(name)).read_bytes()
        except (OSError, ValueError) as error:
            raise self.wrong(name, f"names a file that cannot be read: {_why(error)}") from None

    def bytes(self, name: str) -> bytes:
        """What the kubeconfig holds itself (`name-data`), or a file beside it (`name`)."""
        data = self.text(f"{name}-data")
        try:
            found = base64.b64decode("".join(data.split()), validate=True)
        except ValueError:
            raise self.wrong(f"{name}-data", "is not base64") from None
        return found or (self.file(name) if self.text(name) else b"")

    def refuse(self) -> None:
        """Refuse what is not supported: without it, somebody else would be asked, or asked as somebody else."""
        for name, help_ in _REFUSED.items():
            if self.said.get(name):
                raise self.wrong(name, "is not supported", help_)


def access(root: Path, kubeconfig: str, context: str) -> Access:
    """Find the way: the option, `KUBECONFIG`, `~/.kube/config`, or the pod's own account. Raises BackendError."""
    several = [name for name in os.environ.get("KUBECONFIG", "").split(os.pathsep) if name]
    if not kubeconfig and len(several) > 1:
        help_ = "name one of them in `kubeconfig` of the target's options; `kubectl config view --flatten` makes one of several"
        raise _unreachable(f"`KUBECONFIG` names {len(several)} files, and one is read", help_)
    named = kubeconfig or "".join(several)
    try:
        path = root / Path(named).expanduser() if named else Path.home() / ".kube" / "config"
        if not named and not path.is_file() and (_POD / "token").is_file():
            return _of_pod()
        said = read_manifest(path.read_text("utf-8"))
    except OSError as error:
        message = f"there is no kubeconfig at `{error.filename or named}`: {_why(error)}"
        raise _unreachable(message, "set `kubeconfig` in the target's options, or `KUBECONFIG`") from None
    except (ValueError, RuntimeError, BackendError) as error:  # no text, no path, no home, or no YAML
        raise _unreachable(f"the kubeconfig `{named}` cannot be read: {_why(error)}", "it is a text, in YAML") from None
    if not isinstance(said, dict):
        raise _unreachable(f"`{path}` is not a kubeconfig", "it is a mapping with `clusters`, `users` and `contexts`")
    return _of_config(_Part(said, path), context)


def _of_pod() -> Access:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    host = f"[{host}]" if ":" in host else host
    tls = ssl.create_default_context(cafile=str(_POD / "ca.crt"))
    return Access(f"https://{host}:{port}", "this pod", tls, (_POD / "token").read_text("utf-8").strip())


def _of_config(said: _Part, context: str) -> Access:
    context = context or said.text("current-context")
    if not context:
        raise said.wrong("current-context", "is not said", "say which `context` in the target's options")
    chosen = said.named("contexts", context, "context")
    if not chosen.text("cluster"):
        raise chosen.wrong("cluster", "is not said")
    cluster = said.named("clusters", chosen.text("cluster"), "cluster")
    user = said.named("users", chosen.text("user"), "user") if chosen.text("user") else _Part({}, said.path, "users")
    cluster.refuse()
    user.refuse()
    if user.said.get("exec"):
        user = _Part({**user.said, **_executed(user.part("exec"), cluster)}, user.path, user.at)
    server, name = _server(cluster, context), cluster.header("tls-server-name", cluster.text("tls-server-name"))
    tls = _tls(cluster, user) if server.startswith("https://") else None
    return Access(server, context, tls, _token(user), chosen.text("namespace"), name, _acting(user))


def _server(cluster: _Part, context: str) -> str:
    server = cluster.text("server")
    try:
        url = urlsplit(server)
        good = bool(url.hostname) and url.port != 0 and url.scheme in {"http", "https"} and "@" not in url.netloc
    except ValueError:
        good = False
    if not good or not _HEADER.fullmatch(server) or " " in server:
        why = (
            f"says no server for context `{context}`: `{server}`"
            if server
            else f"says no server for context `{context}`"
        )
        raise cluster.wrong("server", why, "it is a URL: `https://host:6443`")
    return server.rstrip("/")


def _token(user: _Part) -> str:
    if token := user.text("token"):
        return user.header("token", token)
    if not user.text("tokenFile"):
        return ""
    return user.header("tokenFile", user.file("tokenFile").decode("utf-8", "replace").strip())


def _acting(user: _Part) -> tuple[tuple[str, str], ...]:
    """The headers for acting as somebody else."""
    uid, groups, name = user.text("as-uid"), user.listed("as-groups", str), user.text("as")
    if (uid or groups) and not name:
        raise user.wrong("as-groups" if groups else "as-uid", "needs `as`")
    found = [("Impersonate-User", "as", name), ("Impersonate-Uid", "as-uid", uid)]
    found += [("Impersonate-Group", "as-groups", group) for group in groups]
    return tuple((header, user.header(field, value)) for header, field, value in found if value)


def _tls(cluster: _Part, user: _Part) -> ssl.SSLContext:
    authority = cluster.bytes("certificate-authority")
    try:
        found = ssl.create_default_context(cadata=authority.decode("ascii") if authority else None)
    except (OSError, ValueError) as error:
        raise cluster.wrong("certificate-authority", f"is no certificate in PEM: {_why(error)}") from None
    insecure = cluster.said.get("insecure-skip-tls-verify") or False
    if not isinstance(insecure, bool):
        raise cluster.wrong("insecure-skip-tls-verify", "is neither `true` nor `false`")
    if insecure:
        found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
    certificate, key = user.bytes("client-certificate"), user.bytes("client-key")
    if bool(certificate) != bool(key):
        there, missing = ("client-certificate", "client-key")[:: 1 if certificate else -1]
        raise user.wrong(there, f"needs `{missing}`")
    if certificate:
        try:
            _load(found, certificate + b"\n" + key)
        except (OSError, ValueError) as error:
            raise user.wrong(
                "client-certificate", f"and its key cannot be used: {_why(error)}", "both in PEM, without a password"
            ) from None
    return found


def _load(tls: ssl.SSLContext, pair: bytes) -> None:
    """Let TLS have a certificate with its key, which it reads from a file only: one that nobody else sees."""
    descriptor = os.memfd_create("mlspec") if hasattr(os, "memfd_create") else -1
    if descriptor < 0:
        raise _unreachable("client certificates in a kubeconfig are read on Linux only", "use a token")
    try:
        os.write(descriptor, pair)
        tls.load_cert_chain(f"/proc/self/fd/{descriptor}", password=lambda: b"")  # else it asks at the terminal
    finally:
        os.close(descriptor)


def _executed(said: _Part, cluster: _Part) -> dict[str, Any]:
    """Ask the program that a kubeconfig names for credentials, as `kubectl` does."""
    about = {"apiVersion": said.text("apiVersion"), "kind": "ExecCredential", "spec": {"interactive": False}}
    if said.said.get("provideClusterInfo"):
        about["spec"] = {"interactive": False, "cluster": dict(cluster.said)}
    pairs = [_Part(e, said.path, f"{said.at}.env") for e in said.listed("env", dict)]
    env = {pair.text("name"): pair.text("value") for pair in pairs}
    command = said.text("command")
    if not command:
        raise said.wrong("command", "is not said")
    arguments = said.listed("args", str)
    try:
        done = subprocess.run(  # noqa: S603 - what the user's own kubeconfig names
            [command, *arguments],
            env={**os.environ, **env, "KUBERNETES_EXEC_INFO": json.dumps(about, default=str)},
            capture_output=True,
            timeout=_PATIENCE,
            check=True,
        )
        status = _Part(json.loads(done.stdout), said.path, said.at).part("status")
    except (OSError, subprocess.SubprocessError, ValueError, AttributeError, BackendError) as error:
        raise said.wrong(
            "command", f"names `{command}`, which gave no credentials: {type(error).__name__}", "try it by hand"
        ) from None
    names = {"token": "token", "clientCertificateData": "client-certificate-data", "clientKeyData": "client-key-data"}
    found = {ours: text for theirs, ours in names.items() if (text := status.text(theirs))}
    return {n: base64.b64encode(v.encode()).decode() if n.endswith("-data") else v for n, v in found.items()}


def _why(error: Exception) -> str:
    """The reason in one line, without the name of the file that stands before it."""
    said = (error.strerror if isinstance(error, OSError) else "") or str(error)
    return " ".join(str(said).split())[:200]


def _unreachable(message: str, help_: str) -> BackendError:
    return BackendError(message, help_, "cluster-unreachable")
