"""Whether the versions that files give by their digest are in the registry; asked before anything is done."""

from collections.abc import Iterator

from mlspec.backends.chosen import Backends
from mlspec.base.diag import Diagnostic, Problems, did_you_mean
from mlspec.compile.project import Compiled
from mlspec.ir.alias import Alias
from mlspec.ir.desired import DesiredState
from mlspec.ir.service import Service
from mlspec.ir.workflow import Workflow
from mlspec.plan.change import Change, Plan
from mlspec.plan.moves import GONE


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
