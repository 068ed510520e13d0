"""The versions that files give by their digest: which ones are meant, and whether they are there; asked before anything is done."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import MappingProxyType

from mlspec.backends.chosen import Backends
from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Problems, did_you_mean
from mlspec.base.value import replace
from mlspec.compile.project import Compiled
from mlspec.ir.alias import Alias
from mlspec.ir.desired import DesiredState
from mlspec.ir.resource import Resource
from mlspec.ir.service import Service
from mlspec.ir.workflow import Workflow
from mlspec.plan.change import Change, Plan
from mlspec.plan.moves import GONE

_WHOLE = 32
"""As many digits has a whole digest."""


def settled(compiled: Compiled, backends: Backends) -> Compiled:
    """What was compiled, with whole digests where the files give how one begins; asks the registry only for those.

    What means no version, or several, stays as it was written: that is said where something is to be done with it.
    """
    resources = compiled.desired.resources
    short = {a for a, r in resources.items() if r.form in {"alias", "service"} and 0 < len(r.version) < _WHOLE}
    named = short | {a for a, r in resources.items() if r.form == "service" and not short.isdisjoint(r.parents)}
    if not named:
        return compiled

    @cache
    def known(model: str) -> frozenset[str]:
        return frozenset(v.version for v in backends.registry.versions(model))

    made = {a: r for a in named if (r := _settled(resources[a], resources, known)) is not None}
    desired = replace(compiled.desired, resources=MappingProxyType({**resources, **made}))
    return replace(compiled, desired=desired, ids={a: i for a, i in compiled.ids.items() if a not in made})


def _settled(
    resource: Resource, resources: Mapping[Address, Resource], known: Callable[[str], frozenset[str]]
) -> Resource | None:
    """The resource with whole digests; nothing where it has them."""
    body = resource.body
    if not isinstance(body, Alias | Service):
        return None
    coming = {resources[p].version for p in resource.parents if p in resources and resources[p].form == "workflow"}

    def full(version: str) -> str:
        if not 0 < len(version) < _WHOLE:
            return version
        found = [v for v in known(body.model) | coming if v.startswith(version)]
        return found[0] if len(found) == 1 else version

    whole = replace(body, version=full(body.version))
    if isinstance(whole, Service):
        shadow, canary = full(whole.rollout.shadow_version), full(whole.rollout.canary_version)
        whole = replace(whole, rollout=replace(whole.rollout, shadow_version=shadow, canary_version=canary))
    if whole == body:
        return None
    return Resource(
        resource.address, whole, resource.words, resource.about, resource.parents, resource.owner, resource.protect,
        resource.costs,
    )  # fmt: skip


def refuse_unregistered(plan: Plan, desired: DesiredState, compiled: Compiled, backends: Backends) -> None:
    """Raise Problems for every pinned version that is not there, and that the same plan does not make."""
    coming = {
        (r.body.register.model, r.body.version)
        for r in desired
        if r.form == "workflow" and isinstance(r.body, Workflow) and r.body.run_on_apply and r.body.register
    }
    pinned = [c for c in plan.changes if c.form in {"alias", "service"} and c.action not in GONE]
    found = [d for c in pinned for d in _wrong(c, desired, compiled, backends, coming)]
    if found:
        raise Problems(found)


def _wrong(
    change: Change, desired: DesiredState, compiled: Compiled, backends: Backends, coming: set[tuple[str, str]]
) -> Iterator[Diagnostic]:
    body = desired.resources[change.address].body
    if not isinstance(body, Alias | Service) or not body.pinned:
        return
    known = {v.version for v in backends.registry.versions(body.model)}
    known |= {version for model, version in coming if model == body.model}
    found = [v for v in known if v.startswith(body.version)]
    if len(found) == 1:
        return
    path = ("aliases", body.name) if isinstance(body, Alias) else ("version",)
    span = compiled.span(change.address, path) if change.address.whole in compiled.gathered.bound else None
    what = "several versions that begin with" if found else "no version"
    help_ = did_you_mean(body.version, sorted(v[: len(body.version)] for v in known))
    yield Diagnostic("unknown-version", f"model `{body.model}` has {what} `{body.version}`", span,
                     help=help_ or f"`mlspec models show {body.model}` lists them")  # fmt: skip
