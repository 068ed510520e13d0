"""What a body needs of its backend, and the field of the spec that says so."""

from collections.abc import Iterator

from mlspec.backends.port import Capability
from mlspec.ir.alias import Alias
from mlspec.ir.relation import Relation
from mlspec.ir.service import Rollout, Service
from mlspec.ir.workflow import CommandStep, OfMetric, OnError, Overlap, Resources, Schedule, Workflow

Need = tuple[Capability, tuple[str | int, ...]]


def needs(body: object) -> Iterator[Need]:
    """Each capability that the body cannot do without, with the path of the field."""
    match body:
        case Workflow(run_on_apply=False):
            yield from _workflow(body)
        case Service():
            yield from _service(body)
        case Alias():
            yield Capability.ALIAS, ("aliases", body.name)
        case Relation() if body.partitions is not None:
            yield Capability.PARTITIONS, ("materialize", "incremental")


def _workflow(body: Workflow) -> Iterator[Need]:
    if body.schedule:
        yield from _schedule(body.schedule)
    if body.triggers:
        yield Capability.TRIGGERS, ("triggers",)
    yield from _on_error(body.on_error, ("on_error",))
    for step in body.steps:
        if isinstance(step, CommandStep):
            yield from _command(step)


_OVERLAPS = {
    Overlap.SKIP: Capability.OVERLAP_SKIP,
    Overlap.QUEUE: Capability.OVERLAP_QUEUE,
    Overlap.REPLACE: Capability.OVERLAP_REPLACE,
    Overlap.ALLOW: Capability.OVERLAP_ALLOW,
}


def _schedule(schedule: Schedule) -> Iterator[Need]:
    yield Capability.SCHEDULE, ("schedule",)
    yield _OVERLAPS[schedule.overlap], ("schedule", "overlap")
    if schedule.catchup:
        yield Capability.CATCHUP, ("schedule", "catchup")


def _on_error(fate: OnError | None, at: tuple[str | int, ...]) -> Iterator[Need]:
    if fate is OnError.STOP:
        yield Capability.STOP_ON_ERROR, at
    if fate is OnError.CONTINUE:
        yield Capability.CONTINUE_ON_ERROR, at


def _command(step: CommandStep) -> Iterator[Need]:
    at = ("steps", step.name)
    if step.each:
        yield Capability.FAN_OUT, (*at, "each")
        if step.each.best:
            yield Capability.KEEP_BEST, (*at, "each", "keep")
    for parameter in step.parameters:
        if isinstance(parameter.value, OfMetric):
            yield Capability.METRIC_PARAMETERS, (*at, "parameters", parameter.name)
    if step.retry_factor != 1:
        yield Capability.BACKOFF, (*at, "retry_factor")
    if step.retry_max_delay:
        yield Capability.BACKOFF, (*at, "retry_max_delay")
    if step.idle_timeout:
        yield Capability.IDLE_TIMEOUT, (*at, "idle_timeout")
    yield from _on_error(step.on_error, (*at, "on_error"))
    if step.cache_ttl:
        yield Capability.CACHE_TTL, (*at, "cache", "ttl")
    yield from _container(step, at)


def _container(step: CommandStep, at: tuple[str | int, ...]) -> Iterator[Need]:
    if step.image:
        yield Capability.CONTAINER, (*at, "image")
    if step.resources != Resources():
        yield Capability.RESOURCES, (*at, "resources")
    for name, secret in step.secrets:
        if secret.store == "kubernetes":
            yield Capability.KUBERNETES_SECRET, (*at, "secrets", name)


def _service(body: Service) -> Iterator[Need]:
    if body.image:
        yield Capability.CONTAINER, ("image",)
    if body.resources != Resources():
        yield Capability.RESOURCES, ("resources",)
    yield from _around(body)
    if body.autoscale:
        yield Capability.AUTOSCALE, ("replicas",)
    elif body.replicas != 1:
        yield Capability.REPLICAS, ("replicas",)
    if body.rollout.canary:
        yield Capability.CANARY, ("rollout", "canary")
    if body.rollout.shadow:
        yield Capability.SHADOW, ("rollout", "shadow")
    for name, secret in body.secrets:
        if secret.store == "kubernetes":
            yield Capability.KUBERNETES_SECRET, ("secrets", name)


def _around(body: Service) -> Iterator[Need]:
    """How a rollout goes, and what stands around a service in a cluster."""
    for field, value in (
        ("service_account", body.account), ("node_selector", body.node_selector), ("tolerations", body.tolerations),
        ("disruption", body.disruption), ("network", body.network),
    ):  # fmt: skip
        if value:
            yield Capability.CLUSTER, (field,)
    usual = Rollout()
    for field in ("strategy", "max_unavailable", "max_surge", "deadline"):
        if getattr(body.rollout, field) != getattr(usual, field):
            yield Capability.ROLLOUT, ("rollout", field)
