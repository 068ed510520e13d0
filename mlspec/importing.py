"""Whether what is to be taken over is there, and is what the files describe; asked before anything is done."""

from collections.abc import Iterator

from mlspec.apply.taking_over import registered
from mlspec.backends.chosen import Backends
from mlspec.backends.port import BackendError
from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Problems, did_you_mean
from mlspec.compile.project import Compiled
from mlspec.compile.renames import IMPORT
from mlspec.ir.relation import Relation
from mlspec.ir.workflow import Workflow
from mlspec.plan.change import Action, Change, Plan


def refuse_imports(plan: Plan, compiled: Compiled, backends: Backends) -> None:
    """Raise Problems for imports of what is not there, or is something else."""
    found = [d for c in plan.changes if c.action is Action.IMPORT for d in _wrong(c, compiled, backends)]
    if found:
        raise Problems(found)


def _wrong(change: Change, compiled: Compiled, backends: Backends) -> Iterator[Diagnostic]:
    body = compiled.desired.resources[change.address].body
    bound = compiled.gathered.bound
    span = next(
        bound[a].document.span(("address",))
        for a in bound
        if a.kind == IMPORT and Address.parse(bound[a].spec.what) == change.address  # type: ignore[attr-defined]
    )
    said = _table(change, body, backends) if isinstance(body, Relation) else _model(change, body, backends)
    for message, help_ in said:
        yield Diagnostic(
            "invalid-import", f"`{change.address}` cannot take over `{change.existing}`: {message}", span, help=help_
        )


def _table(change: Change, body: Relation, backends: Backends) -> Iterator[tuple[str, str]]:
    if body.partitions is not None:
        yield "nobody but mlspec knows what its partitions were made of", "take `incremental` away, or the import"
        return
    there = dict(backends.engine.columns_of(change.existing))
    if not there:
        help_ = (
            "its warehouse is the engine of this environment"
            if "." in change.existing
            else "write it as `schema.table`"
        )
        yield f"there is no table `{change.existing}` in the warehouse", help_
        return
    for column in body.columns:
        kind = there.get(column.name)
        if kind is None:
            yield f"it has no column `{column.name}`", did_you_mean(column.name, there)
        elif kind != str(column.type):
            yield (
                f"its column `{column.name}` is `{kind}`, described is `{column.type}`",
                "take over a view that casts it",
            )


def _model(change: Change, body: object, backends: Backends) -> Iterator[tuple[str, str]]:
    try:
        found = registered(backends.registry, change.existing)
    except BackendError as error:
        yield str(error), error.help
        return
    register = body.register if isinstance(body, Workflow) else None
    if register is not None and found.contract != register.contract:
        yield "it takes other features", "a model is asked with the features that it was trained on"
    if register is not None and found.format != register.format:
        yield f"its format is `{found.format}`, described is `{register.format}`", "say the `framework` that it has"
