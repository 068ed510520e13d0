"""What policies judge: the changes, everything that should exist, and how it hangs together; worked out when it is asked for."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from mlspec.base.address import Address
from mlspec.base.dag import downstream, upstream
from mlspec.base.value import dataclass, field
from mlspec.ir.check import Check
from mlspec.ir.relation import Column, Relation
from mlspec.ir.resource import Resource
from mlspec.ir.workflow import DatasetStep, Workflow
from mlspec.plan.change import Change

PII = "pii"
CLEARED = "not_pii"
"""The tag of a column whose value says nothing about a person any more, whatever it was computed from."""

Trace = tuple[tuple[str, str], ...]
"""Columns, each an address and a name, from where they come from to where they go."""


@dataclass(frozen=True)
class Situation:
    """`roles` is from team to its role; `today` a date (ISO 8601), for exceptions that end."""

    changes: tuple[Change, ...]
    resources: Mapping[Address, Resource]
    environment: str
    roles: Mapping[str, str] = field(default_factory=dict)
    today: str = ""

    @cached_property
    def _parents(self) -> dict[Address, tuple[Address, ...]]:
        return {a: r.parents for a, r in self.resources.items()}

    def above(self, address: Address) -> list[str]:
        """Everything that an address needs."""
        return sorted({str(a.whole) for a in upstream(self._parents, [address])} - {str(address.whole)})

    def below(self, address: Address) -> list[str]:
        """Everything that needs it."""
        return sorted({str(a.whole) for a in downstream(self._parents, [address])} - {str(address.whole)})

    def gates(self, address: Address) -> list[str]:
        """The metrics that gates bound."""
        body = self._body(address)
        register = body.register if isinstance(body, Workflow) else None
        return [g.metric for g in register.gates] if register else []

    def checks(self, address: Address) -> list[str]:
        """The names of its checks."""
        body = self._body(Address(address.kind, address.name, "checks"))
        return [e.name for e in body.expectations] if isinstance(body, Check) else []

    def _body(self, address: Address) -> Any:
        resource = self.resources.get(address)
        return resource.body if resource else None

    # -- columns -------------------------------------------------------------------------------------------------------

    def column(self, address: str, name: str) -> Column | None:
        """A column of a relation, if there is one."""
        body = self._body(Address.parse(address))
        return body.column(name) if isinstance(body, Relation) else None

    def traces(self, address: str, name: str) -> tuple[Trace, ...]:
        """The ways by which a column comes from columns that come from nothing else, one for each of these."""
        found: dict[tuple[str, str], Trace] = {}
        todo: list[Trace] = [((address, name),)]
        seen: set[tuple[str, str]] = set()
        while todo:
            trace = todo.pop(0)
            here = trace[0]
            if here in seen:
                continue
            seen.add(here)
            column = self.column(*here)
            origins = column.origins if column else ()
            if not origins:
                found[here] = trace
            todo.extend(((o.address, o.column), *trace) for o in origins)
        return tuple(found[k] for k in sorted(found))

    def personal(self, address: str, name: str) -> tuple[Trace, ...]:
        """The ways by which a column comes from one that is tagged `pii`, and on which none is tagged `not_pii`."""
        found: list[Trace] = []
        todo: list[Trace] = [((address, name),)]
        seen: set[tuple[str, str]] = set()
        while todo:
            trace = todo.pop(0)
            here = trace[0]
            column = self.column(*here)
            if here in seen or column is None or CLEARED in column.tags:
                continue
            seen.add(here)
            if PII in column.tags and not any(
                PII in (c.tags if (c := self.column(o.address, o.column)) else ()) for o in column.origins
            ):
                found.append(trace)
            todo.extend(((o.address, o.column), *trace) for o in column.origins)
        return tuple(sorted(found))

    def datasets(self, address: Address) -> tuple[str, ...]:
        """The datasets that a workflow writes for its steps."""
        body = self._body(address)
        return tuple(s.relation for s in body.steps if isinstance(s, DatasetStep)) if isinstance(body, Workflow) else ()

    # -- for expressions -----------------------------------------------------------------------------------------------

    def of_change(self, change: Change) -> dict[str, Any]:
        """A change as an expression sees it."""
        resource = self.resources.get(change.address)
        changed = {c.name: c.change for c in change.columns}
        size = change.estimate if change.estimate and not change.estimate.reads else None
        return self._both(change.address, resource) | {
            "form": change.form, "owner": change.owner, "role": self.roles.get(change.owner, ""), "protect": change.protect,
            "tags": list(change.tags), "action": change.action.word, "reason": change.reason, "direct": change.direct,
            "impacts": [str(i) for i in change.impacts], "consequences": [str(c) for c in change.consequences],
            "columns": [{**self._column(change.address, n), "change": how} for n, how in changed.items()],
            "fields": [{"path": ".".join(f.path), "before": f.before, "after": f.after} for f in change.fields],
            "causes": [list(c) for c in change.causes], "rows": size.rows if size else 0, "bytes": size.bytes if size else 0,
            "partitions": size.partitions if size else 0, "version": change.version, "previous": change.previous, "existing": change.existing,
        }  # fmt: skip

    def of_resource(self, resource: Resource) -> dict[str, Any]:
        """A resource as an expression sees it."""
        names = resource.body.names if isinstance(resource.body, Relation) else ()
        return self._both(resource.address, resource) | {
            "form": resource.form, "owner": resource.owner, "role": self.roles.get(resource.owner, ""), "protect": resource.protect,
            "tags": list(resource.about.get("tags", ())), "words": dict(resource.words),
            "columns": [self._column(resource.address, n) for n in names],
        }  # fmt: skip

    def _both(self, address: Address, resource: Resource | None) -> dict[str, Any]:
        return {
            "address": str(address), "kind": address.kind, "name": address.name,
            "labels": dict(resource.about.get("labels", {})) if resource else {},
            "upstream": self.above(address), "downstream": self.below(address), "gates": self.gates(address), "checks": self.checks(address),
        }  # fmt: skip

    def _column(self, address: Address, name: str) -> dict[str, Any]:
        column = self.column(str(address), name)
        if column is None:
            return {"name": name, "type": "", "tags": [], "origins": []}
        roots: Iterable[tuple[str, str]] = (
            t[0] for t in self.traces(str(address), name) if t[0] != (str(address), name)
        )
        origins = [
            {"address": a, "column": n, "tags": list(c.tags) if (c := self.column(a, n)) else []} for a, n in roots
        ]
        return {"name": name, "type": str(column.type), "tags": list(column.tags), "origins": origins}
