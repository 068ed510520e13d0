"""The API of a cluster as far as a deployment needs it: apply on the server's side, read, list, delete."""

import http.client
import json
import ssl
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from mlspec.backends.deploys._kubernetes.config import Access
from mlspec.backends.port import BackendError

Json = dict[str, Any]
MANAGER = "mlspec"
_PLURALS = {
    "Deployment": "deployments",
    "Service": "services",
    "ConfigMap": "configmaps",
    "ServiceAccount": "serviceaccounts",
    "NetworkPolicy": "networkpolicies",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "InferenceService": "inferenceservices",
    "ReplicaSet": "replicasets",
    "Pod": "pods",
}
_TRIES = 3
_SECONDS = 30.0


class _Tls(http.client.HTTPSConnection):
    """A connection to a server whose certificate may carry another name than its host."""

    def __init__(self, host: str, tls: ssl.SSLContext, name: str) -> None:
        super().__init__(host, timeout=_SECONDS, context=tls)
        self._tls, self._name = tls, name

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name or self.host)


def _read(status: int, text: bytes) -> Json:
    """What was answered; an error may be plain text. Raises HTTPException for half an answer, and one of somebody else."""
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    if isinstance(said, dict):
        return said
    if status < http.client.BAD_REQUEST:
        raise http.client.HTTPException("its answer is not whole, or none of a cluster's")
    return {"message": text.decode("utf-8", "replace")[:1000]}


class Api:
    """Asks one API server; every call is a connection of its own, which a proxy or a restart cannot leave half open."""

    def __init__(self, access: Access) -> None:
        self.access = access

    def get(self, api: str, kind: str, namespace: str, name: str) -> Json | None:
        """An object as it is; None if it is not there."""
        return self._asked("GET", self._path(api, kind, namespace, name), missing=True)

    def listed(self, api: str, kind: str, namespace: str, labels: Mapping[str, str]) -> list[Json]:
        """The objects with these labels; none where the cluster does not have the kind."""
        selector = ",".join(f"{k}={v}" for k, v in labels.items())
        found = self._asked("GET", self._path(api, kind, namespace), {"labelSelector": selector}, missing=True)
        return list(found.get("items") or ()) if found else []

    def apply(self, wanted: Json, *, dry_run: bool = False, force: bool = False, manager: str = MANAGER) -> Json:
        """Apply an object on the server's side: it becomes what is sent, and its fields belong to the manager.

        Raises BackendError where another manager has a field otherwise, unless `force` takes it over.
        """
        about = wanted["metadata"]
        path = self._path(wanted["apiVersion"], wanted["kind"], about["namespace"], about["name"])
        query = {"fieldManager": manager, "force": "true" if force else "false"}
        if dry_run:
            query["dryRun"] = "All"
        found = self._asked("PATCH", path, query, wanted)
        return found or {}

    def delete(self, api: str, kind: str, namespace: str, name: str) -> None:
        """Take an object away, with what it owns; gone already is done."""
        self._asked("DELETE", self._path(api, kind, namespace, name), {"propagationPolicy": "Background"}, missing=True)

    @staticmethod
    def _path(api: str, kind: str, namespace: str, name: str = "") -> str:
        root = f"/api/{api}" if "/" not in api else f"/apis/{api}"
        return f"{root}/namespaces/{quote(namespace)}/{_PLURALS[kind]}" + (f"/{quote(name)}" if name else "")

    def _asked(
        self, verb: str, path: str, query: Mapping[str, str] | None = None, body: Json | None = None, *,
        missing: bool = False,
    ) -> Json | None:  # fmt: skip
        target = f"{path}?{urlencode(query)}" if query else path
        status, said = self._sent(verb, target, json.dumps(body).encode() if body is not None else None)
        if status == http.client.NOT_FOUND and missing:
            return None
        if status >= http.client.BAD_REQUEST:
            raise self._refused(status, said, path)
        return said

    def _sent(self, verb: str, target: str, body: bytes | None) -> tuple[int, Json]:
        """Send a request; what is the same however often it is sent is sent again when a connection breaks."""
        headers = [("Accept", "application/json"), *self.access.headers]
        if body is not None:  # JSON is YAML
            headers += [("Content-Type", "application/apply-patch+yaml"), ("Content-Length", str(len(body)))]
        if self.access.token:
            headers.append(("Authorization", f"Bearer {self.access.token}"))
        for left in reversed(range(_TRIES)):
            try:
                return self._once(verb, target, body, headers)
            except (OSError, http.client.HTTPException) as error:
                if not left:
                    message = f"the cluster `{self.access.context}` does not answer: {error}"
                    raise BackendError(message, "see whether `kubectl get ns` does", "cluster-unreachable") from None
                time.sleep(0.2)
        raise AssertionError

    def _once(self, verb: str, target: str, body: bytes | None, headers: Sequence[tuple[str, str]]) -> tuple[int, Json]:
        url = urlsplit(self.access.server)
        connection: http.client.HTTPConnection
        if self.access.tls is not None:
            connection = _Tls(url.netloc, self.access.tls, self.access.tls_name)
        else:
            connection = http.client.HTTPConnection(url.netloc, timeout=_SECONDS)
        try:
            connection.putrequest(verb, url.path.rstrip("/") + target)
            for name, value in headers:  # a name may be there twice
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, _read(answer.status, answer.read())
        finally:
            connection.close()

    def _refused(self, status: int, said: Json, path: str) -> BackendError:
        message = " ".join(str(said.get("message") or f"status {status}").split())
        if status == http.client.CONFLICT and "conflict" in message.lower():
            return BackendError(f"the cluster does not give a field away: {message}",
                                "let its manager give it up, or take it over: `force_conflicts: true`", "field-conflict")  # fmt: skip
        if status in {http.client.UNAUTHORIZED, http.client.FORBIDDEN}:
            return BackendError(f"the cluster `{self.access.context}` does not allow it: {message}",
                                "see which account the kubeconfig names, and what it may do", "cluster-unreachable")  # fmt: skip
        if status == http.client.NOT_FOUND:
            return BackendError(f"the cluster `{self.access.context}` does not know `{path}`: {message}",
                                "is the namespace there? for an old cluster, set `cluster_version`", "not-for-kubernetes")  # fmt: skip
        return BackendError(f"the cluster refuses it: {message}", "", "not-for-kubernetes")
