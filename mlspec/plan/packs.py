"""Policies that come with mlspec, switched on by `use:`. Each finds addresses, and says what is wrong with them."""

from collections.abc import Callable, Iterator, Mapping

from mlspec.base.address import Address
from mlspec.base.value import dataclass
from mlspec.ir.relation import Relation
from mlspec.ir.service import Service
from mlspec.ir.workflow import Workflow
from mlspec.plan.change import Action
from mlspec.plan.situation import Situation, Trace

Findings = Iterator[tuple[str, str]]
"""Pairs of an address and what is wrong with it."""

_ENOUGH = 2
"""Replicas of which one may go."""


@dataclass(frozen=True)
class Pack:
    """`enforce` is what is done unless the document says otherwise."""

    find: Callable[[Situation], Findings]
    enforce: str = "deny"


def _owners(seen: Situation) -> Findings:
    for resource in seen.resources.values():
        if not resource.owner and not resource.address.part and resource.address.kind not in {"team", "policy"}:
            yield str(resource.address), "it has no owner, so that nobody can be asked"


def _served(seen: Situation) -> Findings:
    """Features that a deployment is asked with."""
    for resource in seen.resources.values():
        if isinstance(resource.body, Service):
            names = {n for n, _ in resource.body.contract}
            for dataset in seen.datasets(Address("model", resource.body.model)):
                for name in sorted(names):
                    for trace in seen.personal(dataset, name):
                        yield (
                            str(resource.address),
                            _leads(trace, f"model.{resource.body.model}", str(resource.address)),
                        )


def _exported(seen: Situation) -> Findings:
    """Columns of datasets that are written for the steps of a pipeline."""
    written = {d for a, r in seen.resources.items() if isinstance(r.body, Workflow) for d in seen.datasets(a)}
    for dataset in sorted(written):
        resource = seen.resources.get(Address.parse(dataset))
        for name in resource.body.names if resource and isinstance(resource.body, Relation) else ():
            for trace in seen.personal(dataset, name):
                yield dataset, _leads(trace)


def _leads(trace: Trace, *further: str) -> str:
    return "personal data reaches it: " + " → ".join([*(f"{a}.{n}" for a, n in trace), *further])


def _deletions(seen: Situation) -> Findings:
    for change in seen.changes:
        if change.action in {Action.DELETE, Action.REPLACE} and not change.address.part:
            yield str(change.address), f"it would be {change.action.word}d"


def _ttl(seen: Situation) -> Findings:
    """Feature views of latest values that a deployment is asked with."""
    asked: dict[str, str] = {}
    for resource in seen.resources.values():
        if isinstance(resource.body, Service):
            for dataset in seen.datasets(Address("model", resource.body.model)):
                for name, _ in resource.body.contract:
                    column = seen.column(dataset, name)
                    for origin in column.origins if column else ():
                        asked.setdefault(origin.address, str(resource.address))
    for address, who in sorted(asked.items()):
        found = seen.resources.get(Address.parse(address))
        body = found.body if found else None
        if isinstance(body, Relation) and body.windows is None and body.timing.event_time and not body.timing.ttl:
            yield address, f"`{who}` is answered with its values however old they are; it has no `ttl`"


def _gates(seen: Situation) -> Findings:
    for resource in seen.resources.values():
        if isinstance(resource.body, Workflow) and resource.body.run_on_apply and not seen.gates(resource.address):
            yield str(resource.address), "it has no gates, so that every version passes"


def _maturity(seen: Situation) -> Findings:
    for resource in seen.resources.values():
        labels = resource.words.get("labels")
        if isinstance(labels, Mapping) and "sql" in labels and labels.get("label") and not labels.get("available_time"):
            yield str(resource.address), "its labels do not say when they are known (`available_time`)"


def _hardened(seen: Situation) -> Findings:
    for resource in seen.resources.values():
        body = resource.body
        if not isinstance(body, Service):
            continue
        lacks = [name for name in ("liveness", "readiness") if getattr(body, name) is None]
        missing = [f"no {name} probe" for name in lacks]
        missing += [f"no `resources.{n}`" for n in ("cpu", "memory") if not getattr(body.resources, n)]
        replicas = body.autoscale.minimum if body.autoscale else body.replicas
        missing += [f"{replicas} of at least {_ENOUGH} replicas"] if replicas < _ENOUGH else []
        if missing:
            yield str(resource.address), f"it has {', '.join(missing)}"


PACKS: Mapping[str, Pack] = {
    "owners_required": Pack(_owners),
    "pii_not_served": Pack(_served),
    "pii_not_exported": Pack(_exported),
    "deletions_need_approval": Pack(_deletions, "approve"),
    "ttl_required": Pack(_ttl),
    "gates_required": Pack(_gates),
    "label_times_required": Pack(_maturity, "warn"),
    "deployments_hardened": Pack(_hardened),
}
