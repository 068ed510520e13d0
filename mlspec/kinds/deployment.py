"""A deployment: a model version that answers requests, and how it is kept running."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from mlspec.base.diag import Diagnostic, known_names
from mlspec.ir.given import CARRIES_NO_NUL, NUL
from mlspec.ir.resource import Body
from mlspec.ir.service import Account, Autoscale, Computed, Disruption, Peer, Probe, Rollout, Service, Toleration
from mlspec.ir.workflow import Used, Workflow
from mlspec.kinds._work import ResourcesSpec
from mlspec.kinds.model import Model
from mlspec.language.scope import Scope
from mlspec.language.secret import SecretRef
from mlspec.language.spec import OnChange, Part, Ref, Spec
from mlspec.language.words import VERSION, Bounded, ColumnName, Duration, Int, Name, Shaped, Type, wrong


class Replicas(Part):
    """Between `min` and `max` replicas, by CPU utilisation in percent of the request."""

    min: Int = Field(ge=0)
    max: Int = Field(ge=1)
    target_cpu: Int = Field(default=80, ge=1, le=100)

    @model_validator(mode="after")
    def _ordered(self) -> "Replicas":
        if self.min > self.max:
            raise wrong("invalid-replicas", "`min` is more than `max`")
        return self


_ABORT = re.compile(r"(error_rate|latency_p50|latency_p95|latency_p99)\s*>\s*([0-9]+(?:\.[0-9]+)?)\s*(%|ms|s)?")


def _abort_if(text: Any) -> str:
    """Read `error_rate > 1%` or `latency_p95 > 250ms`; the number is a share, or seconds. Raises PydanticCustomError."""
    match = _ABORT.fullmatch(text.strip()) if isinstance(text, str) else None
    metric, number, unit = match.groups() if match else ("", "", None)
    if match is None or (unit in {"ms", "s"}) != metric.startswith("latency"):
        raise wrong("invalid-deployment", "`{text}` is not a reason to give a canary up", text=str(text),
                    help="write `error_rate > 1%`, or `latency_p95 > 250ms` (p50, p95 or p99)")  # fmt: skip
    return f"{metric} > {float(number) / {'%': 100, 'ms': 1000}.get(unit or '', 1):g}"


AbortIf = Annotated[str, BeforeValidator(_abort_if, json_schema_input_type=str)]


class RolloutSpec(Part):
    """How a new version takes over: step by step (`rolling`) or at once (`recreate`); canary and shadow in percent."""

    strategy: Literal["rolling", "recreate"] = "rolling"
    max_unavailable: str | Int = 0
    max_surge: str | Int = 1
    canary: tuple[Annotated[Bounded, Field(ge=1, le=100)], ...] = ()
    canary_alias: Name | None = None
    hold: Duration | None = None
    abort_if: tuple[AbortIf, ...] = ()
    shadow: Int = Field(default=0, ge=0, le=100)
    shadow_alias: Name | None = None
    deadline: Duration | None = None

    @model_validator(mode="after")
    def _whole(self) -> "RolloutSpec":
        if (self.hold or self.abort_if or self.canary_alias) and not self.canary:
            message = "`hold`, `abort_if` and `canary_alias` are for a canary"
            raise wrong("meaningless-field", message, help="add `canary: [5, 25]`")
        if list(self.canary) != sorted(set(self.canary)):
            raise wrong(
                "invalid-deployment", "the steps of a canary grow", help="write them in order: `canary: [5, 25]`"
            )
        if bool(self.shadow) != (self.shadow_alias is not None):
            raise wrong(
                "invalid-deployment",
                "`shadow` is a share of requests in percent, `shadow_alias` the version that hears them",
                help="write both: `shadow: 10` and `shadow_alias: challenger`",
            )
        return self

    def lower(self, shadow_version: str, canary_version: str) -> Rollout:
        """As backends see it."""
        hold, deadline = (int(d.seconds) if d else 0 for d in (self.hold, self.deadline))
        return Rollout(self.strategy, str(self.max_unavailable), str(self.max_surge), self.canary, self.shadow, hold,
                       self.abort_if, deadline, shadow_version, canary_version)  # fmt: skip


class ServiceAccountSpec(Part):
    """An account of the cluster that is there (`name`), or one of its own, with annotations for an identity in a cloud."""

    name: Annotated[str, Field(min_length=1)] | None = None
    annotations: dict[str, str] = {}

    @model_validator(mode="after")
    def _one(self) -> "ServiceAccountSpec":
        if (self.name is not None) == bool(self.annotations):
            raise wrong(
                "invalid-deployment",
                "a service account is one that is there (`name`), or its own with `annotations`",
                help="leave one of them out",
            )
        return self


class TolerationSpec(Part):
    """A taint of nodes on which the service may run all the same."""

    key: str = ""
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""

    @model_validator(mode="after")
    def _sound(self) -> "TolerationSpec":
        if (self.operator == "Exists" and self.value) or (self.operator == "Equal" and not self.key):
            raise wrong(
                "invalid-deployment",
                "`Equal` compares the value of a `key`, `Exists` takes none",
                help="write `{key: gpu, value: a100, effect: NoSchedule}` or `{key: gpu, operator: Exists}`",
            )
        return self


class DisruptionSpec(Part):
    """How many replicas may be away when nodes are drained: a number, or a share as `25%`."""

    max_unavailable: str | Int | None = None
    min_available: str | Int | None = None

    @model_validator(mode="after")
    def _one(self) -> "DisruptionSpec":
        if (self.max_unavailable is None) == (self.min_available is None):
            raise wrong("invalid-replicas", "`disruption` says `max_unavailable` or `min_available`, one of them")
        return self


class PeerSpec(Part):
    """Pods that may send requests: all of a namespace, or those with labels."""

    namespace: str = ""
    pods: dict[str, str] = {}

    @model_validator(mode="after")
    def _some(self) -> "PeerSpec":
        if not self.namespace and not self.pods:
            raise wrong("invalid-deployment", "who may send requests is said by `namespace`, by `pods`, or both")
        return self


class NetworkSpec(Part):
    """Who may send requests; nobody else."""

    allow: Annotated[tuple[PeerSpec, ...], Field(min_length=1)]


class ProbeSpec(Part):
    """An HTTP path that is asked; times are whole seconds."""

    path: Annotated[str, Shaped(r"^/", "`{text}` is not a path: it begins with `/`, as in `/health`")]
    initial_delay: Duration | None = None
    period: Duration | None = None
    timeout: Duration | None = None
    failures: Int = Field(default=3, ge=1)

    def lower(self) -> Probe:
        """As backends see it."""
        delay, period, timeout = (
            int(d.seconds) if d else None for d in (self.initial_delay, self.period, self.timeout)
        )
        return Probe(self.path, delay or 0, period or 10, timeout or 1, self.failures)


class Probes(Part):
    """`liveness` restarts a replica, `readiness` sends it requests; both wait for `startup`."""

    startup: ProbeSpec | None = None
    liveness: ProbeSpec | None = None
    readiness: ProbeSpec | None = None


def _text(value: str | int | None) -> str:
    return "" if value is None else str(value)


_NAME = r"[a-z][a-z0-9_]{0,62}"
_MODEL = r"^([a-z][a-z0-9_]*\.)?[a-z][a-z0-9_]{0,62}(@[a-z][a-z0-9_]{0,62})?$"


def _one_alias(written: Any) -> Any:
    """What is written in short was taken apart before, unless there is an `alias` too."""
    if isinstance(written, str) and re.fullmatch(rf".+@{_NAME}", written):
        model, _, alias = written.partition("@")
        said = "`{text}` says the alias, and `alias` says one too; write `model: {model}` and one alias"
        raise wrong("invalid-deployment", said, text=written, model=model, alias=alias)
    return written


class Deployment(Spec):
    """Serves the version that the files describe (`version: current`), the one whose digest is given, or what an alias means.

    `model: churn@champion` is short for `model: churn` and `alias: champion`.
    """

    model: Annotated[Ref[Model], BeforeValidator(_one_alias), WithJsonSchema({"type": "string", "pattern": _MODEL})]
    version: Annotated[str, VERSION] = "current"
    alias: Name | None = None
    image: str = ""
    port: Int = Field(default=8080, ge=1, le=65535)
    replicas: Annotated[Bounded, Field(ge=0, le=2**31 - 1)] | Replicas = 1
    resources: ResourcesSpec = ResourcesSpec()
    rollout: RolloutSpec = RolloutSpec()
    probes: Probes = Probes()
    env: dict[str, str] = {}
    secrets: dict[str, SecretRef] = {}
    request: dict[ColumnName, Type] = {}
    labels: Annotated[dict[str, str], OnChange.UPDATE] = {}  # they stand in the manifests
    service_account: ServiceAccountSpec | None = None
    node_selector: dict[str, str] = {}
    tolerations: tuple[TolerationSpec, ...] = ()
    disruption: DisruptionSpec | None = None
    network: NetworkSpec | None = None

    @model_validator(mode="before")
    @classmethod
    def _split(cls, data: Any) -> Any:
        """Read `model: churn@champion`."""
        written = data.get("model") if isinstance(data, dict) else None
        if not isinstance(written, str) or "@" not in written or "alias" in data:
            return data
        model, _, alias = written.partition("@")
        if not re.fullmatch(_NAME, alias):
            return data  # the model is what is wrong, and is told at its own place
        return {**data, "model": model, "alias": alias}

    def _unfit_alias(self, scope: Scope) -> Iterator[Diagnostic]:
        model: Model = scope.spec(self.model)
        at = "alias" if "alias" in scope.document.data else "model"
        if self.alias is not None and self.alias not in model.aliases:
            help_ = known_names(self.alias, model.aliases, "alias") or f"add `aliases: {{{self.alias}: current}}` to it"
            yield scope.error("unknown-alias", f"model `{model.name}` has no alias `{self.alias}`", at, help=help_)
        for field in ("shadow_alias", "canary_alias"):
            alias = getattr(self.rollout, field)
            if alias is not None and alias not in model.aliases:
                help_ = known_names(alias, model.aliases, "alias")
                message = f"model `{model.name}` has no alias `{alias}`"
                yield scope.error("unknown-alias", message, "rollout", field, help=help_)
        if self.alias is not None and "version" in self.model_fields_set:
            message = f"`version` says which version is served, and so does the alias `{self.alias}`"
            yield scope.error("meaningless-field", message, "version", help="leave one of them out")

    def check(self, scope: Scope) -> Iterator[Diagnostic]:
        yield from self._unfit_alias(scope)
        needed = self._needed(scope)
        for name, kind in self.request.items():
            if name in needed and not needed[name].joins(kind):
                yield scope.error(
                    "type-mismatch",
                    f"`{name}` is `{kind}` in the request, `{needed[name]}` in the features",
                    "request",
                    name,
                )
        for name in needed:
            if self.request and name not in self.request:
                message = f"the features need `{name}`, which the request does not carry"
                yield scope.error("missing-key", message, "request", help=f"add `{name}: {needed[name]}`")
        for name in (*self.env, *self.secrets):
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or name.startswith("MLSPEC_"):
                yield scope.error(
                    "invalid-name",
                    f"`{name}` is not a name for an environment variable of yours",
                    "env" if name in self.env else "secrets",
                )
        for name in (n for n, value in self.env.items() if NUL in value):
            yield scope.error("invalid-value", f"`{name}`: {CARRIES_NO_NUL}", "env", name)
        for name in sorted(set(self.env) & set(self.secrets)):
            yield scope.error(
                "duplicate-name", f"`{name}` is both in `env` and in `secrets`", "secrets", name, key=True
            )

    def _needed(self, scope: Scope) -> dict[str, Any]:
        """The keys and request-time values that the features are looked up and computed with."""
        model: Model = scope.spec(self.model)
        found: dict[str, Any] = {}
        for one in scope.spec(model.feature_set).chosen(scope):
            found.update(one.needs(scope))
        return found

    def _computed(self, scope: Scope) -> Iterator[Computed]:
        """The features that are computed from the request, by the expressions that training data is computed by."""
        for one in scope.spec(scope.spec(self.model).feature_set).chosen(scope):
            view = scope.spec(one.view)
            if view.on_request:
                inputs = tuple((n, str(t)) for n, t in sorted(view.on_request.inputs.items()))
                yield Computed(one.name, str(one.column.type), one.column.words, inputs)

    def _used(self, made: Workflow) -> tuple[Used, ...]:
        """What the model is trained on, without the labels."""
        register = made.register
        inputs = {name for name, _ in register.contract} if register else set()
        return tuple(u for u in (register.used if register else ()) if u.name in inputs)

    def _around(self) -> dict[str, Any]:
        """What stands around it in a cluster, as backends see it."""
        account, rule = self.service_account, self.disruption
        peers = self.network.allow if self.network else ()
        return {
            "account": Account(account.name or "", tuple(sorted(account.annotations.items()))) if account else None,
            "node_selector": tuple(sorted(self.node_selector.items())),
            "tolerations": tuple(Toleration(t.key, t.operator, t.value, t.effect) for t in self.tolerations),
            "disruption": Disruption(_text(rule.max_unavailable), _text(rule.min_available)) if rule else None,
            "network": tuple(Peer(p.namespace, tuple(sorted(p.pods.items()))) for p in peers),
        }

    def lower(self, scope: Scope) -> Iterator[tuple[str, Body]]:
        model: Model = scope.spec(self.model)
        made: Workflow = scope.body(scope.address(self.model))
        target = model.aliases.get(self.alias, "current") if self.alias else self.version
        pinned = target != "current"
        version = target if pinned else made.version
        request = tuple((n, str(t)) for n, t in sorted((self.request or self._needed(scope)).items()))
        targets = (
            model.aliases.get(a, "") if a else "" for a in (self.rollout.shadow_alias, self.rollout.canary_alias)
        )
        rollout = self.rollout.lower(*(made.version if t == "current" else t for t in targets))
        scaled = self.replicas if isinstance(self.replicas, Replicas) else None
        yield "", Service(
            name=self.name, model=model.name, version=version, image=self.image, port=self.port,
            replicas=self.replicas if isinstance(self.replicas, int) else 0,
            autoscale=Autoscale(scaled.min, scaled.max, scaled.target_cpu) if scaled else None,
            resources=self.resources.lower(), rollout=rollout,
            liveness=self.probes.liveness.lower() if self.probes.liveness else None,
            readiness=self.probes.readiness.lower() if self.probes.readiness else None,
            env=tuple(sorted(self.env.items())), secrets=tuple((n, s.lower()) for n, s in sorted(self.secrets.items())),
            contract=model.contract(scope), request=request, labels=tuple(sorted(self.labels.items())),
            computed=tuple(self._computed(scope)), used=self._used(made), pinned=pinned,
            startup=self.probes.startup.lower() if self.probes.startup else None,
            **self._around(),
        )  # fmt: skip
