"""Policies over a plan: which of them a change, or a resource, meets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic
from mlspec.ir.condition import ConditionProblem, holds
from mlspec.ir.resource import Resource
from mlspec.plan.change import Change, Verdict


@dataclass(frozen=True)
class Rule:
    """A policy as the plan needs it."""

    name: str
    over: str
    when: str
    enforce: str
    message: str
    approvers: tuple[str, ...] = ()


def verdicts(rules: Iterable[Rule], changes: Iterable[Change], resources: Mapping[Address, Resource], environment: str
             ) -> tuple[tuple[Verdict, ...], tuple[Diagnostic, ...]]:  # fmt: skip
    """The policies that are met, and those that could not be evaluated."""
    changes = tuple(changes)
    met: list[Verdict] = []
    failed: list[Diagnostic] = []
    for rule in rules:
        things = [_change(c) for c in changes] if rule.over == "changes" else [_resource(r) for r in resources.values()]
        name = "change" if rule.over == "changes" else "resource"
        for thing in things:
            try:
                if holds(rule.when, {name: thing, "environment": environment}):
                    met.append(Verdict(rule.name, rule.enforce, thing["address"], rule.message, rule.approvers))
            except ConditionProblem as problem:
                message = f"policy `{rule.name}` has no answer for `{thing['address']}`: {problem}"
                failed.append(
                    Diagnostic("policy-failed", message, help="docs/policies.md says what an expression sees")
                )
                break
    return tuple(met), tuple(failed)


def _change(change: Change) -> dict[str, Any]:
    return {
        "address": str(change.address), "kind": change.address.kind, "name": change.address.name, "action": change.action.word,
        "reason": change.reason, "direct": change.direct, "impacts": [str(i) for i in change.impacts],
        "consequences": [str(c) for c in change.consequences], "owner": change.owner, "protect": change.protect,
        "tags": list(change.tags), "columns": [{"name": c.name, "change": c.change} for c in change.columns],
        "rows": change.estimate.rows if change.estimate else 0,
    }  # fmt: skip


def _resource(resource: Resource) -> dict[str, Any]:
    return {
        "address": str(resource.address), "kind": resource.address.kind, "name": resource.address.name, "owner": resource.owner,
        "protect": resource.protect, "tags": list(resource.about.get("tags", [])), "labels": dict(resource.about.get("labels", {})),
        "words": dict(resource.words),
    }  # fmt: skip
