"""Objects brought into a cluster: tried before anything is changed, applied in order, waited for, and looked at again."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mlspec.backends.deploys._kubernetes.api import MANAGER, Api
from mlspec.backends.deploys._kubernetes.compared import changed, dropped, managers
from mlspec.backends.found import Difference
from mlspec.backends.port import BackendError
from mlspec.base.digest import digest
from mlspec.base.value import dataclass

Json = dict[str, Any]
_ORDER = (
    "ServiceAccount", "ConfigMap", "NetworkPolicy", "Service", "PodDisruptionBudget", "Deployment", "InferenceService",
    "HorizontalPodAutoscaler",
)  # fmt: skip
_HANDOVER = "mlspec-scale"
_OURS = ("app.kubernetes.io/instance", "app.kubernetes.io/managed-by")
_NAMED = 3
_PAUSE = 0.5


@dataclass(frozen=True)
class Live:
    """One cluster. `wait` is how many seconds a rollout may take, `force` whether fields of others are taken over."""

    api: Api
    wait: float
    force: bool

    def bring(self, objects: Iterable[Json], known: Sequence[Json], settled: Callable[[Json], str | None]) -> list[str]:
        """Bring objects about and wait; takes away those of ours of the `known` kinds that are not wanted any more.

        `settled` says of the object as it is why it is not ready yet; empty when it is, None when there is nothing to
        wait for. Gives notes. Raises BackendError, before anything is changed if the cluster would refuse one.
        """
        wanted = sorted(objects, key=lambda o: _ORDER.index(o["kind"]))
        for one in wanted:
            self._tried(one)
        for one in wanted:
            self._hand_over_scale(one)
            self.api.apply(one, force=self.force)
        notes = [note for one in wanted if (note := self._await(one, settled))]
        return [*notes, *self._prune(wanted, known)]

    def _tried(self, wanted: Json) -> None:
        """Let the server say what it would make of an object; what it would drop without a word is an error."""
        answer = self.api.apply(wanted, dry_run=True, force=self.force)
        lost = list(dropped(wanted, answer))
        if lost:
            what = ", ".join(f"`{path}`" for path in lost[:_NAMED]) + (" and more" if len(lost) > _NAMED else "")
            message = f"the cluster does not know {what} of {_name(wanted)}, and would drop it without a word"
            raise BackendError(message, "leave it out for this cluster, or use a newer one", "not-for-kubernetes")

    def _hand_over_scale(self, wanted: Json) -> None:
        """Before an autoscaler has the number of replicas: keep it as it is, else the server would set it to one."""
        if wanted["kind"] != "Deployment" or "replicas" in wanted["spec"]:
            return
        live = self._get(wanted)
        ours = [e for e in (live or {}).get("metadata", {}).get("managedFields", ()) if e.get("manager") == MANAGER]
        if live and any("f:replicas" in (e.get("fieldsV1") or {}).get("f:spec", {}) for e in ours):
            about = {k: wanted["metadata"][k] for k in ("name", "namespace")}
            kept = {"apiVersion": wanted["apiVersion"], "kind": "Deployment", "metadata": about}
            self.api.apply({**kept, "spec": {"replicas": live["spec"]["replicas"]}}, force=True, manager=_HANDOVER)

    def _await(self, wanted: Json, settled: Callable[[Json], str | None]) -> str:
        deadline = time.monotonic() + self.wait
        while True:
            live = self._get(wanted)
            why = settled(live) if live else "it is not there"
            if why is None:
                return ""
            if not why:
                return f"{_name(wanted)} is ready"
            if time.monotonic() >= deadline:
                raise BackendError(f"{_name(wanted)} is not ready after {self.wait:g} s: {why}",
                                   "what was there before goes on answering; correct it and apply again, or `mlspec rollback`",
                                   "rollout-failed")  # fmt: skip
            time.sleep(_PAUSE)

    def _prune(self, wanted: Sequence[Json], known: Sequence[Json]) -> list[str]:
        kept = {(o["kind"], o["metadata"]["name"]) for o in wanted}
        labels = {k: wanted[0]["metadata"]["labels"][k] for k in _OURS}
        namespace = wanted[0]["metadata"]["namespace"]
        notes = []
        for kind in known:
            for found in self.api.listed(kind["apiVersion"], kind["kind"], namespace, labels):
                name = str(found["metadata"]["name"])
                if (kind["kind"], name) not in kept:
                    self.api.delete(kind["apiVersion"], kind["kind"], namespace, name)
                    notes.append(f"{kind['kind']} {name} is gone")
        return notes

    def differences(self, sent: Iterable[Json]) -> tuple[Difference, ...]:
        """What is not as it was sent: gone, or altered; the server says what applying again would change, and changes nothing."""
        return tuple(d for one in sent if (d := self._difference(one)) is not None)

    def _difference(self, sent: Json) -> Difference | None:
        live = self._get(sent)
        made = digest(sent)
        if live is None or live["metadata"].get("deletionTimestamp"):
            return Difference("missing", _name(sent), made)
        again = self.api.apply(sent, dry_run=True, force=True)
        found = list(changed(live, again))
        if not found:
            return None
        paths = [f"{path}: {_short(now)} instead of {_short(then)}" for path, then, now in found]
        who = managers(live, MANAGER)
        by = f" (also written by {', '.join(who)})" if who else ""
        more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        subject = f"{_name(sent)}: {'; '.join(paths[:_NAMED])}{more}{by}"
        return Difference("edited", subject, made, digest([[p, now] for p, _, now in found]))

    def remove(self, sent: Iterable[Json]) -> None:
        """Take away what was sent, the last first."""
        for one in sorted(sent, key=lambda o: _ORDER.index(o["kind"]), reverse=True):
            live = self._get(one)
            labels = (live or {}).get("metadata", {}).get("labels") or {}
            if live and all(labels.get(k) == one["metadata"]["labels"][k] for k in _OURS):
                about = one["metadata"]
                self.api.delete(one["apiVersion"], one["kind"], about["namespace"], about["name"])

    def _get(self, one: Json) -> Json | None:
        about = one["metadata"]
        return self.api.get(one["apiVersion"], one["kind"], about["namespace"], about["name"])


def deployed(live: Json) -> str | None:
    """Why a Deployment has not rolled out yet; empty when it has, None for what is no Deployment. Raises BackendError."""
    if live["kind"] != "Deployment":
        return None
    status: Mapping[str, Any] = live.get("status") or {}
    wanted = int(live["spec"].get("replicas", 1))
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    if status.get("observedGeneration", 0) < live["metadata"].get("generation", 1):
        return "nobody has looked at it yet"
    stuck = conditions.get("Progressing", {})
    if stuck.get("reason") == "ProgressDeadlineExceeded":
        message = f"Deployment {live['metadata']['name']} does not get on: {stuck.get('message', '')}"
        raise BackendError(message, "its pods say why; what was there before goes on answering", "rollout-failed")
    updated, ready = int(status.get("updatedReplicas") or 0), int(status.get("availableReplicas") or 0)
    old = int(status.get("replicas") or 0) - updated
    if updated < wanted or ready < wanted or old > 0:
        more = conditions.get("ReplicaFailure", {}).get("message", "")
        return f"{updated} of {wanted} replicas are new, {ready} answer, {max(old, 0)} of before are there" + (
            f"; {more}" if more else ""
        )
    return ""


def _name(one: Json) -> str:
    return f"{one['kind']} {one['metadata']['name']}"


def _short(value: Any) -> str:
    text = "nothing" if value is None else f"`{value}`"
    return text if len(text) <= 60 else f"{text[:57]}…`"  # noqa: PLR2004 - a line for people
