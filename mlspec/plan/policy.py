"""Policies over a plan: which of them a change, or a resource, meets."""

from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase

from mlspec.base.diag import Diagnostic, Span
from mlspec.base.value import dataclass
from mlspec.ir.condition import ConditionProblem, holds
from mlspec.plan.change import Verdict
from mlspec.plan.packs import PACKS
from mlspec.plan.situation import Situation


@dataclass(frozen=True)
class Exemption:
    """What a policy does not hold for: an address or a pattern, why, and until when (a date; empty is for ever)."""

    address: str
    reason: str
    until: str = ""


@dataclass(frozen=True)
class Rule:
    """A policy as the plan needs it: an expression, or the name of a pack in `use`. No `environments` are all of them."""

    name: str
    over: str
    when: str
    enforce: str
    message: str
    approvers: tuple[str, ...] = ()
    use: str = ""
    environments: tuple[str, ...] = ()
    exempt: tuple[Exemption, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """The policies that are met, those that could not be evaluated, and what is to be said about exceptions."""

    verdicts: tuple[Verdict, ...]
    failed: tuple[Diagnostic, ...] = ()
    notes: tuple[str, ...] = ()


def judge(rules: Iterable[Rule], seen: Situation, place: Callable[[str], Span | None]) -> Judgement:
    """What the policies say of a situation; `place` is where the condition of a policy is written."""
    met: list[Verdict] = []
    failed: list[Diagnostic] = []
    notes: dict[str, None] = {}
    for rule in rules:
        if rule.environments and seen.environment not in rule.environments:
            continue
        try:
            for address, message in _found(rule, seen):
                exemption = next((e for e in rule.exempt if fnmatchcase(address, e.address)), None)
                if exemption is None or (exemption.until and exemption.until < seen.today):
                    met.append(Verdict(rule.name, rule.enforce, address, message, rule.approvers))
                if exemption is not None:
                    notes[_said(rule, address, exemption, seen.today)] = None
        except _NoAnswer as problem:
            failed.append(
                Diagnostic(
                    "policy-failed",
                    str(problem),
                    place(rule.name),
                    help="docs/policies.md says what an expression sees",
                )
            )
    return Judgement(tuple(met), tuple(failed), tuple(notes))


def _said(rule: Rule, address: str, exemption: Exemption, today: str) -> str:
    what = f"policy `{rule.name}` and `{address}`"
    if exemption.until and exemption.until < today:
        return f"the exception from {what} has ended on {exemption.until} ({exemption.reason})"
    until = f", until {exemption.until}" if exemption.until else ""
    return f"excepted: {what}: {exemption.reason}{until}"


class _NoAnswer(Exception):
    pass


def _found(rule: Rule, seen: Situation) -> Iterator[tuple[str, str]]:
    if rule.use:
        for address, message in dict.fromkeys(PACKS[rule.use].find(seen)):
            yield address, f"{message}; {rule.message}" if rule.message else message
        return
    name = "change" if rule.over == "changes" else "resource"
    things = (
        [seen.of_change(c) for c in seen.changes]
        if rule.over == "changes"
        else [seen.of_resource(r) for r in seen.resources.values()]
    )
    for thing in things:
        try:
            if holds(rule.when, {name: thing, "environment": seen.environment}):
                yield thing["address"], rule.message
        except ConditionProblem as problem:
            raise _NoAnswer(f"policy `{rule.name}` has no answer for `{thing['address']}`: {problem}") from None
