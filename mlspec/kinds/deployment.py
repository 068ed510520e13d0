"""A deployment: a model version that answers requests, and how it is kept running."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema, model_validator

from mlspec.base.diag import Diagnostic, known_names
from mlspec.ir.resource import Body
from mlspec.ir.service import Autoscale, Computed, Probe, Rollout, Service
from mlspec.ir.workflow import Used, Workflow
from mlspec.kinds._work import ResourcesSpec
from mlspec.kinds.model import Model
from mlspec.language.scope import Scope
from mlspec.language.secret import SecretRef
from mlspec.language.spec import OnChange, Part, Ref, Spec
from mlspec.language.words import ColumnName, Duration, Int, Name, Type, wrong


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


class RolloutSpec(Part):
    """How a new version takes over: step by step (`rolling`) or at once (`recreate`); canary and shadow in percent."""

    strategy: Literal["rolling", "recreate"] = "rolling"
    max_unavailable: str | Int = 0
    max_surge: str | Int = 1
    canary: tuple[Annotated[Int, Field(ge=1, le=100)], ...] = ()
    shadow: Int = Field(default=0, ge=0, le=100)


class ProbeSpec(Part):
    """An HTTP path that is asked; times are whole seconds."""

    path: Annotated[str, Field(pattern=r"^/")]
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
    """`liveness` restarts a replica, `readiness` sends it requests."""

    liveness: ProbeSpec | None = None
    readiness: ProbeSpec | None = None


_MODEL = r"^([a-z][a-z0-9_]*\.)?[a-z][a-z0-9_]{0,62}(@[a-z][a-z0-9_]{0,62})?$"


class Deployment(Spec):
    """Serves the version that the files describe (`version: current`), the one whose digest is given, or what an alias means.

    `model: churn@champion` is short for `model: churn` and `alias: champion`.
    """

    model: Annotated[Ref[Model], WithJsonSchema({"type": "string", "pattern": _MODEL})]
    version: Annotated[str, Field(pattern=r"^(current|[0-9a-f]{8,32})$")] = "current"
    alias: Name | None = None
    image: str = ""
    port: Int = Field(default=8080, ge=1, le=65535)
    replicas: Annotated[Int, Field(ge=0)] | Replicas = 1
    resources: ResourcesSpec = ResourcesSpec()
    rollout: RolloutSpec = RolloutSpec()
    probes: Probes = Probes()
    env: dict[str, str] = {}
    secrets: dict[str, SecretRef] = {}
    request: dict[ColumnName, Type] = {}
    labels: Annotated[dict[str, str], OnChange.UPDATE] = {}  # they stand in the manifests

    @model_validator(mode="before")
    @classmethod
    def _split(cls, data: Any) -> Any:
        """Read `model: churn@champion`."""
        written = data.get("model") if isinstance(data, dict) else None
        if not isinstance(written, str) or "@" not in written or "alias" in data:
            return data
        model, _, alias = written.partition("@")
        return {**data, "model": model, "alias": alias}

    def _unfit_alias(self, scope: Scope) -> Iterator[Diagnostic]:
        model: Model = scope.spec(self.model)
        at = "alias" if "alias" in scope.document.data else "model"
        if self.alias is not None and self.alias not in model.aliases:
            help_ = known_names(self.alias, model.aliases, "alias") or f"add `aliases: {{{self.alias}: current}}` to it"
            yield scope.error("unknown-alias", f"model `{model.name}` has no alias `{self.alias}`", at, help=help_)
        if self.alias is not None and self.version != "current":
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

    def lower(self, scope: Scope) -> Iterator[tuple[str, Body]]:
        model: Model = scope.spec(self.model)
        made: Workflow = scope.body(scope.address(self.model))
        target = model.aliases.get(self.alias, "current") if self.alias else self.version
        pinned = target != "current"
        version = target if pinned else made.version
        request = tuple((n, str(t)) for n, t in sorted((self.request or self._needed(scope)).items()))
        rollout = Rollout(self.rollout.strategy, str(self.rollout.max_unavailable), str(self.rollout.max_surge),
                          self.rollout.canary, self.rollout.shadow)  # fmt: skip
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
        )  # fmt: skip
