"""What a body needs of its backend, and the field of the spec that says so."""

from collections.abc import Iterator

from mlspec.backends.port import Capability
from mlspec.ir.alias import Alias
from mlspec.ir.relation import Relation
from mlspec.ir.service import Rollout, Service
from mlspec.ir.workflow import CommandStep, Resources, Workflow

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
        yield Capability.SCHEDULE, ("schedule",)
    for step in body.steps:
        if not isinstance(step, CommandStep):
            continue
        at = ("steps", step.name)
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
    if body.autoscale:
        yield Capability.AUTOSCALE, ("replicas",)
    elif body.replicas != 1:
        yield Capability.REPLICAS, ("replicas",)
    if body.rollout.canary:
        yield Capability.CANARY, ("rollout", "canary")
    if body.rollout.shadow:
        yield Capability.SHADOW, ("rollout", "shadow")
    default = Rollout(canary=body.rollout.canary, shadow=body.rollout.shadow)
    if body.rollout != default:
        yield Capability.ROLLOUT, ("rollout",)
    for name, secret in body.secrets:
        if secret.store == "kubernetes":
            yield Capability.KUBERNETES_SECRET, ("secrets", name)
