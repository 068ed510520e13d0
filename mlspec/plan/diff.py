"""Desired state against what is recorded and what is there: a plan."""

from collections.abc import Mapping

from mlspec.base.address import Address
from mlspec.base.dag import in_order
from mlspec.base.value import dataclass, field, replace
from mlspec.ir.alias import Alias
from mlspec.ir.desired import DesiredState
from mlspec.ir.relation import Keep, Relation
from mlspec.ir.resource import Resource
from mlspec.ir.service import Service
from mlspec.ir.workflow import Workflow
from mlspec.plan.bound import bind
from mlspec.plan.change import Action, Asked, Change, Consequence, Estimate, FieldChange, Impact, Plan
from mlspec.plan.columns import column_changes, impacts
from mlspec.plan.compatible import with_compatibility
from mlspec.plan.drift import MARK
from mlspec.plan.estimates import with_estimates
from mlspec.plan.fields import field_changes
from mlspec.plan.impact import with_causes
from mlspec.plan.moves import GONE, NO_REFACTORING, Refactoring, marked, renamed
from mlspec.plan.reality import Reality as Reality  # noqa: PLC0414 - who plans finds it here
from mlspec.plan.scope import kept_of
from mlspec.plan.select import Selection
from mlspec.plan.steps import with_steps
from mlspec.plan.suggest import suggestions
from mlspec.plan.target import Target, made_otherwise
from mlspec.plan.triggered import moved
from mlspec.plan.untouched import untouched
from mlspec.state.model import Record, State


@dataclass(frozen=True)
class Wish(Selection):
    """What was asked on the command line: only these (and what they need), rebuilt though unchanged, or all gone."""

    replace: frozenset[Address] = frozenset()
    destroy: bool = False
    refactoring: Refactoring = NO_REFACTORING
    targets: Mapping[str, Target] = field(default_factory=dict)
    """What makes a form of things that stand outside the warehouse, by the name of the form."""


def make_plan(desired: DesiredState, state: State, reality: Reality, wish: Wish = Wish()) -> Plan:
    """The plan that leads from the state to the desired state, in the order in which it would be done."""
    wanted = {} if wish.destroy else dict(desired.resources)
    found: list[Change] = []
    as_recorded = state
    named = renamed(desired, state, reality, wish.refactoring if not wish.destroy else NO_REFACTORING)
    state, reality = named.state, named.reality
    for address, resource in wanted.items():
        record = state.get(address)
        triggers = moved(resource, record, desired, state)
        change = _compare(resource, record, reality, wish, requested=address in wish.replace, triggered=bool(triggers))
        if change is not None:
            runs = (Consequence.RUN,) if triggers else ()
            found.append(replace(change, consequences=(*change.consequences, *runs)))
    forgotten = wish.refactoring.forgotten
    any_gone = not wanted.keys() >= state.records.keys()
    gone = [
        _delete(state.records[a], forgotten) for a in (_children_first(state) if any_gone else ()) if a not in wanted
    ]
    causes = with_causes(tuple(found), desired.resources, reality.remade)
    caused = with_estimates(tuple(_saying_version(c, state) for c in causes), desired, state, reality)
    every = (
        marked((*caused, *gone), desired, named, wish.refactoring.imported) if not wish.destroy else (*caused, *gone)
    )
    kept, excluded = kept_of(every, desired, state, wish, destroy=wish.destroy)
    changes = tuple(c for c in every if c.address in kept)
    skipped = tuple(c for c in every if c.address not in kept)
    whole = Plan(
        desired.project, desired.environment, as_recorded.lineage, as_recorded.serial, Asked(lambda: as_recorded.digest),
        Asked(lambda: desired.digest), changes,
        len(wanted) - len([c for c in every if c.action not in GONE]),
        destroy=wish.destroy, skipped=tuple(str(s.address) for s in skipped),
        notes=(*named.notes, *suggestions(every, desired, state)), excluded=tuple(str(s.address) for s in skipped if s.address in excluded),
        drift=reality.drift, untouched=untouched(changes, skipped, desired, state),
    )  # fmt: skip
    whole = bind(with_compatibility(whole, desired, state), desired, as_recorded)
    return with_steps(whole, desired, state)


def _children_first(state: State) -> tuple[Address, ...]:
    """All recorded addresses, each before those that it depends on; the order of destroying."""
    parents = {a: [p for p in r.parents if p in state.records] for a, r in state.records.items()}
    return tuple(reversed(in_order(parents)))


def _delete(record: Record, forgotten: frozenset[Address]) -> Change:
    forget = record.address.whole in forgotten
    version = str(record.outputs.get("version", ""))
    return Change(
        record.address,
        record.form,
        Action.FORGET if forget else Action.DELETE,
        "forgotten" if forget else "removed",
        owner=record.owner,
        protect=record.protect,
        version=version,
    )


def _compare(
    resource: Resource, record: Record | None, reality: Reality, wish: Wish, *, requested: bool, triggered: bool
) -> Change | None:
    otherwise = record is not None and made_otherwise(record, wish.targets.get(record.form))
    lost = _lost(resource, record, reality) if record is not None and record.form == resource.form else ""
    asked = requested or triggered
    if record is not None and not asked and not otherwise and _same(resource, record) and not lost:
        return None
    base = Change(
        resource.address, resource.form, Action.NONE, "", owner=resource.owner,
        protect=resource.protect or (record is not None and record.protect), version=_version(resource),
        tags=tuple(resource.about.get("tags", ())),
    )  # fmt: skip
    if record is None:
        action = _made(resource, reality, Action.CREATE)
        return replace(base, action=action, reason="new", consequences=_consequences(resource, action))
    if record.form != resource.form:
        return replace(
            base, action=Action.REPLACE, reason="changed", consequences=_consequences(resource, Action.REPLACE)
        )
    if record.digest != resource.digest and not _named_whole(resource, record):
        return _changed(base, resource, record, reality)
    if lost:
        action = _made(resource, reality, _repair(resource))
        return replace(
            base,
            action=action,
            reason=lost,
            consequences=_consequences(resource, action),
            estimate=_estimate(record, reality),
        )
    if requested:
        action = Action.UPDATE if resource.form in {"fact", "service", "alias"} else Action.REBUILD
        return replace(
            base,
            action=action,
            reason="requested",
            consequences=_consequences(resource, action),
            estimate=_estimate(record, reality),
        )
    if otherwise:
        action = Action.UPDATE
        return replace(base, action=action, reason="target_changed", consequences=_consequences(resource, action))
    if _bounded_otherwise(resource, record):
        return _changed(base, resource, record, reality)
    fields = field_changes(record.about, resource.about, {})
    if triggered:
        return replace(base, action=Action.UPDATE, reason="triggered", direct=False, fields=fields)
    return replace(base, action=Action.UPDATE, reason="metadata_changed", impacts=(Impact.METADATA,), fields=fields)


def _same(resource: Resource, record: Record) -> bool:
    """Whether what is recorded is what should be, and called so."""
    about = record.digest == resource.digest and dict(record.about) == dict(resource.about)
    return about and record.form == resource.form and not _bounded_otherwise(resource, record)


def _named_whole(resource: Resource, record: Record) -> bool:
    """Whether an alias means what is recorded, and was only recorded with the beginning of a digest."""
    body, known = resource.body, record.outputs
    return isinstance(body, Alias) and (known.get("version"), known.get("alias")) == (body.version, body.name)


def _bounded_otherwise(resource: Resource, record: Record) -> bool:
    """Whether the parameters of a published definition may be something else: that decides no result, and is in no digest."""
    definition = resource.form == "workflow" and "model" not in record.outputs
    return definition and record.words.get("parameters") != resource.words.get("parameters")


def _changed(base: Change, resource: Resource, record: Record, reality: Reality) -> Change:
    fields = field_changes(record.words, resource.words, resource.costs)
    if isinstance(resource.body, Alias):
        return _moved_alias(base, resource.body, record)
    columns = column_changes(resource, record)
    action = _action(resource, record)
    if any(f.cost == "replace" for f in fields):
        action = Action.REPLACE
    action = _made(resource, reality, action)
    return replace(
        base, action=action, reason="changed" if fields else "upstream_changed", direct=bool(fields), fields=fields, columns=columns,
        impacts=impacts(resource, record, columns), consequences=_consequences(resource, action), estimate=_estimate(record, reality),
    )  # fmt: skip


def _moved_alias(base: Change, body: Alias, record: Record) -> Change:
    """What a name means, before and after; it was edited if the files give the version."""
    move = FieldChange(("version",), record.outputs.get("version"), body.version)
    reason = "changed" if body.pinned else "upstream_changed"
    return replace(
        base, action=Action.UPDATE, reason=reason, direct=body.pinned, fields=(move,), impacts=(Impact.CONTRACT,)
    )


def _saying_version(change: Change, state: State) -> Change:
    """A service that gets another version says so itself where nothing above it does: an earlier apply left it behind."""
    record = state.get(change.address)
    if change.form != "service" or record is None or record.form != "service":
        return change
    before, after = str(record.outputs.get("version", "")), change.version
    told = any(f.path == ("version",) for f in change.fields) or any(c[0] != str(change.address) for c in change.causes)
    if told or not before or before == after:
        return change
    return replace(change, fields=(*change.fields, FieldChange(("version",), before, after)))


def _action(resource: Resource, record: Record) -> Action:
    body = resource.body
    if isinstance(body, Relation):
        return Action.UPDATE if body.keep is Keep.VIEW or _in_place(resource, record) else Action.REBUILD
    if isinstance(body, Workflow) and body.run_on_apply:
        return Action.REBUILD if record.outputs.get("version") != body.version else Action.UPDATE
    return Action.UPDATE


def _in_place(resource: Resource, record: Record) -> bool:
    """Whether new rows go into the version that is there: of a relation in partitions, as long as its definition is the same."""
    kept = isinstance(resource.body, Relation) and resource.body.partitions is not None
    return kept and record.outputs.get("version") == _version(resource)


def _made(resource: Resource, reality: Reality, action: Action) -> Action:
    """A version that is there already needs no building, and no training."""
    if (
        isinstance(resource.body, Workflow)
        and resource.body.register
        and f"{resource.body.register.model}/{resource.body.version}" in reality.models
        and action in {Action.CREATE, Action.REBUILD}
    ):
        return Action.REPOINT
    body = resource.body
    in_place = isinstance(body, Relation) and body.partitions is not None and action is Action.UPDATE
    there = isinstance(body, Relation) and _version(resource) in reality.versions
    if there and not in_place and action is not Action.REPLACE:
        return Action.REPOINT
    return action


def _version(resource: Resource) -> str:
    return resource.version


def _lost(resource: Resource, record: Record, reality: Reality) -> str:
    if record.outputs.get(MARK):
        return "drifted"
    if not reality.known or record.address in reality.accepted:
        return ""
    if record.address in reality.drifted:
        return "drifted"
    if resource.form == "relation":
        if _version(resource) not in reality.versions:
            return "missing"
        if reality.pointers.get(str(record.address)) != _version(resource):
            return "drifted"
    return ""


def _repair(resource: Resource) -> Action:
    """What brings back what is lost: data and models are built, everything else is written again."""
    body = resource.body
    data = body.keep is not Keep.VIEW if isinstance(body, Relation) else False
    return Action.REBUILD if data or (isinstance(body, Workflow) and body.run_on_apply) else Action.UPDATE


def _estimate(record: Record, reality: Reality) -> Estimate | None:
    found = reality.versions.get(str(record.outputs.get("version", "")))
    if found is not None and found.partitions:
        found = replace(found, due=reality.due.get(record.address))
    return found if found is not None and (found.rows or found.bytes) else None


def _consequences(resource: Resource, action: Action) -> tuple[Consequence, ...]:
    body = resource.body
    building = action in {Action.CREATE, Action.REBUILD, Action.REPLACE}
    if isinstance(body, Relation) and body.partitions is not None:
        return () if action is Action.REPOINT else (Consequence.BACKFILL,)
    if isinstance(body, Relation):
        return (Consequence.BACKFILL,) if building and body.keep is not Keep.VIEW else ()
    if isinstance(body, Workflow):
        return (Consequence.RETRAIN,) if building and body.run_on_apply else ()
    if isinstance(body, Service):
        return (Consequence.REDEPLOY,)
    return (Consequence.RECHECK,) if resource.form == "check" else ()
