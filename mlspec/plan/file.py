"""A plan as JSON, and saved to a file with everything that apply needs."""

import json
from collections.abc import Mapping
from typing import Any

from mlspec.base.address import Address
from mlspec.base.diag import problem
from mlspec.base.digest import digest
from mlspec.base.value import asdict, dataclass, replace
from mlspec.ir.codec import decode_resource, encode_resource
from mlspec.ir.desired import DesiredState
from mlspec.plan import drift, evidence
from mlspec.plan.approval import Approval
from mlspec.plan.change import (
    FORMAT_VERSION,
    Action,
    Breaking,
    Change,
    ColumnChange,
    Consequence,
    Estimate,
    FieldChange,
    Impact,
    Plan,
    Review,
    Step,
    Untouched,
    Verdict,
    Why,
)  # fmt: skip
from mlspec.plan.saved import checked


def for_people(plan: Plan) -> dict[str, Any]:
    """What the text that people see is made of: the plan as JSON, without the digests of all that it is bound to."""
    return to_json(replace(plan, state_digest="", specs_digest=""))


def to_json(plan: Plan) -> dict[str, Any]:
    """The plan as JSON; `mlspec schema plan` is its schema. The text that people see is made of nothing else."""
    return {
        "format_version": FORMAT_VERSION,
        "project": plan.project,
        "environment": plan.environment,
        "state": {
            "lineage": plan.lineage,
            "serial": plan.serial,
            "digest": str(plan.state_digest),
            "records": dict(plan.bound),
        },
        "specs_digest": str(plan.specs_digest),
        "destroy": plan.destroy,
        "changes": [_change(c) for c in plan.changes],
        "unchanged": plan.unchanged,
        "summary": {a.word: n for a in Action if (n := sum(c.action is a for c in plan.changes))},
        "reviews": [
            {
                "team": r.team,
                "role": r.role,
                "reviewers": list(r.reviewers),
                "addresses": list(r.addresses),
                "why": [{"address": w.address, "reason": w.reason, "because": list(w.because)} for w in r.why],
            }
            for r in plan.reviews
        ],
        "verdicts": [
            {
                "policy": v.policy,
                "enforce": v.enforce,
                "address": v.address,
                "message": v.message,
                "approvers": list(v.approvers),
            }
            for v in plan.verdicts
        ],
        "notes": list(plan.notes),
        "skipped": list(plan.skipped),
        "excluded": list(plan.excluded),
        "drift": [drift.to_json(d) for d in plan.drift],
        "refresh_only": plan.refresh_only,
        "reviews_required": plan.reviews_required,
        **({"promoted_from": plan.promoted_from} if plan.promoted_from else {}),
        **({"back_to": plan.back_to} if plan.back_to else {}),
        "against": plan.against,
        "breaking": [asdict(b) for b in plan.breaking],
        "untouched": [asdict(u) | {"details": list(u.details)} for u in plan.untouched],
        "steps": [asdict(s) | {"after": list(s.after), "artifacts": list(s.artifacts)} for s in plan.steps],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "address": str(change.address),
        "form": change.form,
        "action": change.action.word,
        "symbol": change.action.value,
        "reason": {"code": change.reason, "paths": [list(f.path) for f in change.fields]},
        "direct": change.direct,
        "impacts": [str(i) for i in change.impacts],
        "consequences": [str(c) for c in change.consequences],
        "fields": [{"path": list(f.path), "before": f.before, "after": f.after, "cost": f.cost} for f in change.fields],
        "columns": [_column(c) for c in change.columns],
        "causes": [list(c) for c in change.causes],
        "owner": change.owner,
        "protect": change.protect,
        "version": change.version,
        "estimate": _estimate(change.estimate) if change.estimate else None,
        "tags": list(change.tags),
        "previous": change.previous,
        "existing": change.existing,
        **({"evidence": evidence.to_json(change.evidence)} if change.evidence else {}),
        "after": [str(a) for a in change.after],
    }


def _column(change: ColumnChange) -> dict[str, str]:
    """Types, or names, only where they are two."""
    both = {"before": change.before, "after": change.after} if change.before != change.after else {}
    return {"name": change.name, "change": change.change, **both}


def _estimate(found: Estimate) -> dict[str, int]:
    """Partitions only of what is kept in some."""
    parts = {"partitions": found.partitions} if found.partitions else {}
    due = {} if found.due is None else {"due": found.due}
    return {"rows": found.rows, "bytes": found.bytes, **parts, **due, **({"reads": True} if found.reads else {})}


def from_json(data: Mapping[str, Any]) -> Plan:
    """The plan that JSON describes. Raises KeyError, ValueError, TypeError when it does not."""
    state = data["state"]
    return Plan(
        data["project"], data["environment"], state["lineage"], state["serial"], state["digest"], data["specs_digest"],
        tuple(_read_change(c) for c in data["changes"]), data["unchanged"],
        tuple(Review(r["team"], r["role"], tuple(r["reviewers"]), tuple(r["addresses"]), _whys(r)) for r in data["reviews"]),
        tuple(Verdict(v["policy"], v["enforce"], v["address"], v["message"], tuple(v["approvers"])) for v in data["verdicts"]),
        tuple(data["notes"]), data["destroy"], tuple(data["skipped"]), tuple(data["excluded"]),
        tuple(drift.from_json(d) for d in data.get("drift", ())), data.get("refresh_only", False),
        bound=dict(state["records"]), reviews_required=data["reviews_required"],
        promoted_from=data.get("promoted_from", ""),
        back_to=data.get("back_to", 0),
        against=data["against"],
        breaking=tuple(Breaking(**b) for b in data["breaking"]),
        untouched=tuple(Untouched(**{**u, "details": tuple(u["details"])}) for u in data["untouched"]),
        steps=tuple(Step(**{**s, "after": tuple(s["after"]), "artifacts": tuple(s["artifacts"])}) for s in data["steps"]),
    )  # fmt: skip


def _whys(data: Mapping[str, Any]) -> tuple[Why, ...]:
    return tuple(Why(w["address"], w["reason"], tuple(w["because"])) for w in data["why"])


def _read_change(data: Mapping[str, Any]) -> Change:
    estimate = data["estimate"]
    return Change(
        Address.parse(data["address"]), data["form"], Action(data["symbol"]), data["reason"]["code"], data["direct"],
        tuple(Impact(i) for i in data["impacts"]), tuple(Consequence(c) for c in data["consequences"]),
        tuple(FieldChange(tuple(f["path"]), f["before"], f["after"], f["cost"]) for f in data["fields"]),
        tuple(ColumnChange(**c) for c in data["columns"]), tuple(tuple(c) for c in data["causes"]),
        data["owner"], data["protect"], data["version"], Estimate(**estimate) if estimate else None,
        tuple(data["tags"]), data["previous"], data["existing"], after=tuple(Address.parse(a) for a in data["after"]),
        evidence=evidence.from_json(data["evidence"]) if "evidence" in data else None,
    )  # fmt: skip


@dataclass(frozen=True)
class SavedPlan:
    """A plan with the bodies that it makes and the artifacts that were rendered: apply compiles nothing anew."""

    plan: Plan
    desired: DesiredState
    artifacts: Mapping[str, str]
    digest: str = ""
    """Of all of it, once it is saved."""
    approvals: tuple[Approval, ...] = ()


def encode_saved(saved: SavedPlan) -> str:
    """The text of a plan file."""
    body = {
        "plan": to_json(saved.plan),
        "resources": [encode_resource(r) for r in saved.desired],
        "artifacts": dict(saved.artifacts),
    }
    return (
        json.dumps(
            {"mlspec_plan": FORMAT_VERSION, "digest": digest(body), **body, **_approvals(saved)},
            indent=1,
            ensure_ascii=False,
        )
        + "\n"
    )


def _approvals(saved: SavedPlan) -> dict[str, Any]:
    return {"approvals": [asdict(a) for a in saved.approvals]} if saved.approvals else {}


def decode_saved(text: str, shown: str) -> SavedPlan:
    """Read a plan file. Raises Problems when it is none, damaged, or of another version."""
    data = checked(text, shown)
    try:
        plan = from_json(data["plan"])
        resources = {r.address: r for r in (decode_resource(r) for r in data["resources"])}
        return SavedPlan(plan, DesiredState(plan.project, plan.environment, resources), dict(data["artifacts"]),
                         data["digest"], tuple(Approval(**a) for a in data.get("approvals", ())))  # fmt: skip
    except (KeyError, ValueError, TypeError) as error:
        raise problem("damaged-plan", f"`{shown}` cannot be read: {error}", help="plan again") from None
