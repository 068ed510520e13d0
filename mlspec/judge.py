"""A plan judged: what is protected, which policies it meets, who must agree."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from mlspec.backends.chosen import Backends
from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Problems, problem
from mlspec.compile.project import Compiled
from mlspec.ir.desired import DesiredState
from mlspec.ir.workflow import Workflow
from mlspec.plan.change import Action, Change, Plan
from mlspec.plan.impact import Team, reviews
from mlspec.plan.policy import Rule, verdicts


def judged(plan: Plan, compiled: Compiled, backends: Backends) -> Plan:
    """The plan with reviews, verdicts and notes. Raises Problems when it would delete or replace what is protected."""
    unwanted = {Action.DELETE, Action.REPLACE}
    found = [_protected(c) for c in plan.changes if c.protect and c.action in unwanted and not c.address.part]
    if found:
        raise Problems(found)
    if plan.empty:
        return plan
    met, failed = verdicts(_rules(compiled), plan.changes, compiled.desired.resources, plan.environment)
    if failed:
        raise Problems(failed)
    return replace(plan, verdicts=met, reviews=reviews(plan.changes, _teams(compiled)), notes=_notes(plan, backends))


def _protected(change: Change) -> Diagnostic:
    help_ = (
        "take `protect` from it first (its own field, or the list of the environment), or leave it out with `--select`"
    )
    return Diagnostic(
        "protected", f"`{change.address}` is protected; the plan would {change.action.word} it", help=help_
    )


def _rules(compiled: Compiled) -> tuple[Rule, ...]:
    found: list[Any] = [b.spec for a, b in compiled.gathered.bound.items() if a.kind == "policy"]
    return tuple(Rule(p.name, p.over, p.when, p.enforce, p.message, tuple(a.name for a in p.approvers)) for p in found)


def _teams(compiled: Compiled) -> dict[str, Team]:
    found: list[Any] = [b.spec for a, b in compiled.gathered.bound.items() if a.kind == "team"]
    return {t.name: Team(t.name, t.role, t.reviewers) for t in found}


def _notes(plan: Plan, backends: Backends) -> tuple[str, ...]:
    notes = {backends.deploys.note for c in plan.changes if c.form == "service"}
    return (*plan.notes, *sorted(notes - {""}))


def refuse_retraining(desired: DesiredState, replaced: Iterable[Address]) -> None:
    """Raise Problems for models among what is to be made again: the same digest is the same version."""
    for address in sorted(replaced):
        resource = desired.get(address)
        if resource is not None and isinstance(resource.body, Workflow) and resource.body.run_on_apply:
            message = f"`{address}` cannot be replaced: its version is the digest of all that decides it"
            raise problem("same-version", message, help="change something that decides it, such as a parameter")


def refuse_unapproved(plan: Plan, approved_by: Sequence[str]) -> None:
    """Raise Problems for what policies forbid, and for approvals that are missing."""
    denied = [
        Diagnostic("denied", f"policy `{v.policy}` forbids the change of `{v.address}`: {v.message}")
        for v in plan.denied
    ]
    wanted = [
        Diagnostic(
            "approval-needed",
            f"policy `{v.policy}` wants an approval for `{v.address}`: {v.message}",
            help=f"when one of {', '.join(v.approvers)} has agreed: `--approved-by {v.approvers[0]}`",
        )
        for v in plan.verdicts
        if v.enforce == "approve" and not set(v.approvers) & set(approved_by)
    ]
    if denied or wanted:
        raise Problems([*denied, *wanted])
