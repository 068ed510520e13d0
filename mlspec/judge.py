"""A plan judged: what is protected, which policies it meets, who must agree."""

from collections.abc import Iterable, Sequence
from typing import Any

from mlspec.backends.chosen import Backends
from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Problems, Severity, problem
from mlspec.base.value import replace
from mlspec.compile.named import PROTECTS_NOTHING, about
from mlspec.compile.project import Compiled
from mlspec.ir.desired import DesiredState
from mlspec.ir.workflow import Workflow
from mlspec.plan.approval import Approval
from mlspec.plan.change import Action, Change, Plan
from mlspec.plan.policy import Rule, judge
from mlspec.plan.review import Team, reviews
from mlspec.plan.situation import Situation
from mlspec.state.model import State


def judged(plan: Plan, compiled: Compiled, backends: Backends, state: State, today: str) -> Plan:
    """The plan with reviews, verdicts and notes. Raises Problems when it would delete or replace what is protected."""
    unwanted, listed = {Action.DELETE, Action.REPLACE}, _listed(plan, compiled, state)
    doomed = [c for c in plan.changes if c.action in unwanted and not c.address.part]
    found = [_protected(c, compiled) for c in doomed if c.protect or str(c.address) in listed]
    if found:
        raise Problems(found)
    if plan.empty:
        return plan
    teams = teams_of(compiled)
    roles = {t.name: t.role for t in teams.values()}
    seen = Situation(plan.changes, compiled.desired.resources, plan.environment, roles, today)
    said = judge(_rules(compiled), seen, lambda name: compiled.place(Address("policy", name), ("when",)))
    if said.failed:
        raise Problems(said.failed)
    asked = reviews(plan.changes, teams, state)
    notes = (*_notes(plan, backends), *said.notes)
    chosen = compiled.gathered.project.spec.environment(plan.environment)  # type: ignore[attr-defined]
    return replace(plan, verdicts=said.verdicts, reviews=asked, notes=notes, reviews_required=chosen.require_reviews)


def _protected(change: Change, compiled: Compiled) -> Diagnostic:
    owner = f", which belongs to `{change.owner}`," if change.owner else ""
    why = f"`{change.address}`{owner} is protected; the plan would {change.action.word} it"
    help_ = (
        "take `protect` from it first (its own field, or the list of the environment), in a change that its owner agrees to; "
        "or leave it out with `--exclude`"
    )
    if change.action is Action.DELETE:
        help_ += "; if it only has another name now, write a `moved` document, and if it is to stay, a `removed` one"
    edited = change.fields[0].path if change.fields else ()
    return Diagnostic("protected", why, compiled.place(change.address, edited), help=help_)


def _listed(plan: Plan, compiled: Compiled, state: State) -> frozenset[str]:
    """What the environment protects though the files do not describe it. Raises Problems when all is to go, and nothing is called so."""
    unmet = {about(w): w for w in compiled.warnings if w.code == PROTECTS_NOTHING}
    unknown = [replace(w, severity=Severity.ERROR) for text, w in unmet.items() if not _recorded(text, state)]
    if unknown and plan.destroy:
        raise Problems(unknown)
    return frozenset(unmet)


def still_true(warnings: Iterable[Diagnostic], state: State) -> tuple[Diagnostic, ...]:
    """The warnings without those about names of what the files do not describe, and the state does."""
    return tuple(w for w in warnings if not _recorded(about(w), state))


def _recorded(text: str, state: State) -> bool:
    try:
        return bool(text) and state.get(Address.parse(text)) is not None
    except ValueError:
        return False


def _policy(bound: Any) -> Any:
    return bound.spec


def _rules(compiled: Compiled) -> tuple[Rule, ...]:
    return tuple(_policy(b).rule() for a, b in sorted(compiled.gathered.bound.items()) if a.kind == "policy")


def teams_of(compiled: Compiled) -> dict[str, Team]:
    """The teams by name."""
    found: list[Any] = [b.spec for a, b in compiled.gathered.bound.items() if a.kind == "team"]
    return {t.name: Team(t.name, t.role, t.reviewers, t.members) for t in found}


def _notes(plan: Plan, backends: Backends) -> tuple[str, ...]:
    notes = {backends.deploys.note for c in plan.changes if c.form == "service"}
    notes |= {backends.pipelines.note for c in plan.changes if c.form == "workflow"}
    return (*plan.notes, *sorted(notes - {""}))


def refuse_retraining(desired: DesiredState, replaced: Iterable[Address]) -> None:
    """Raise Problems for models among what is to be made again: the same digest is the same version."""
    for address in sorted(replaced):
        resource = desired.get(address)
        if resource is not None and isinstance(resource.body, Workflow) and resource.body.run_on_apply:
            message = f"`{address}` cannot be replaced: its version is the digest of all that decides it"
            raise problem("same-version", message, help="change something that decides it, such as a parameter")


def refuse_unapproved(plan: Plan, approved_by: Sequence[str], void: Sequence[Approval] = ()) -> None:
    """Raise Problems for what policies forbid, and for approvals and reviews that are missing."""
    found = [
        Diagnostic("denied", f"policy `{v.policy}` forbids the change of `{v.address}`: {v.message}")
        for v in plan.denied
    ]
    lost = "".join(f"; {a.who} has approved another plan for `{a.team}`, which does not count" for a in void)
    for verdict in plan.verdicts:
        if verdict.enforce == "approve" and not set(verdict.approvers) & set(approved_by):
            what = f"policy `{verdict.policy}` wants an approval for `{verdict.address}`: {verdict.message}{lost}"
            found.append(Diagnostic("approval-needed", what, help=_way(verdict.approvers)))
    for review in plan.reviews if plan.reviews_required else ():
        if review.team not in approved_by:
            what = f"environment `{plan.environment}` requires the review of `{review.team}`, which owns {_few(review.addresses)}{lost}"
            found.append(Diagnostic("review-needed", what, help=_way((review.team,))))
    if found:
        raise Problems(found)


def _way(teams: Sequence[str]) -> str:
    who = f"one of {', '.join(teams)}" if len(teams) > 1 else f"`{teams[0]}`"
    return f"when {who} has agreed: `mlspec approve FILE --team {teams[0]}` for a saved plan, or `--approved-by {teams[0]}`"


def _few(addresses: Sequence[str]) -> str:
    rest = f" and {len(addresses) - 1} more" if len(addresses) > 1 else ""
    return f"`{addresses[0]}`{rest}"
