"""A policy: a condition over planned changes or resources, or a pack of mlspec's, and what happens where it holds."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from mlspec.base.diag import Diagnostic, known_names
from mlspec.ir.condition import ConditionProblem, compile_condition
from mlspec.ir.fact import Fact
from mlspec.ir.resource import Body
from mlspec.kinds.team import Team
from mlspec.language.scope import Scope
from mlspec.language.spec import OnChange, Part, Ref, Spec
from mlspec.language.words import Name, Shaped
from mlspec.plan.packs import PACKS
from mlspec.plan.policy import Exemption, Rule
from mlspec.plan.vocabulary import unknown_names

_DAY = Shaped(r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$", "`{text}` is not a day; write `2026-12-31`")


class Except(Part):
    """An address, or a pattern of some, for which a policy does not hold: why, and until which day (`2025-12-31`)."""

    address: str
    reason: Annotated[str, Field(min_length=1)]
    until: Annotated[str, _DAY] | None = None


class Policy(Spec):
    """Where the CEL expression `when` is true of a `change` (or of a `resource`), the plan is denied, needs an approval, or warns.

    `use` names a policy that comes with mlspec instead. What an expression sees, and what there is to use, is in docs/policies.md.
    """

    use: str | None = None
    over: Literal["changes", "resources"] = "changes"
    when: str | None = None
    message: Annotated[str, OnChange.METADATA] = ""
    enforce: Literal["deny", "approve", "warn"] | None = None
    approvers: tuple[Ref[Team], ...] = ()
    environments: tuple[Name, ...] = ()
    exempt: Annotated[tuple[Except, ...], Field(alias="except")] = ()

    @property
    def enforced(self) -> str:
        """What is done where it holds."""
        pack = PACKS.get(self.use or "")
        return self.enforce or (pack.enforce if pack else "deny")

    def rule(self) -> Rule:
        """As the plan needs it."""
        exempt = tuple(Exemption(e.address, e.reason, e.until or "") for e in self.exempt)
        approvers = tuple(a.name for a in self.approvers)
        return Rule(self.name, self.over, self.when or "", self.enforced, self.message, approvers, self.use or "",
                    self.environments, exempt)  # fmt: skip

    def check(self, scope: Scope) -> Iterator[Diagnostic]:
        if (self.use is None) == (self.when is None):
            yield scope.error("invalid-policy", "a policy has one of `use` and `when`", "name")
            return
        yield from self._of_pack(scope) if self.use is not None else self._of_condition(scope, self.when or "")
        if (self.enforced == "approve") != bool(self.approvers):
            where = "enforce" if self.enforce else "use"
            yield scope.error("invalid-policy", "`enforce: approve` and `approvers` belong together", where)

    def _of_pack(self, scope: Scope) -> Iterator[Diagnostic]:
        if self.use not in PACKS:
            help_ = known_names(self.use or "", PACKS, "policy")
            yield scope.error("unknown-value", f"there is no policy `{self.use}` to use", "use", help=help_)
        if "over" in self.model_fields_set:
            yield scope.error(
                "meaningless-field", "`over` means nothing beside `use`", "over", key=True, help="remove it"
            )

    def _of_condition(self, scope: Scope, when: str) -> Iterator[Diagnostic]:
        for field in ("message", "enforce"):
            if not getattr(self, field):
                yield scope.error(
                    "missing-field", f"policy `{self.name}` has no `{field}`", "name", help=f"add `{field}:`"
                )
        try:
            compile_condition(when)
        except ConditionProblem as problem:
            yield scope.error(
                "invalid-condition", f"the condition cannot be read: {problem}", "when", help=problem.help
            )
            return
        for one in unknown_names(when, self.over):
            yield scope.error("unknown-name", f"the condition cannot be answered: {one.message}", "when", help=one.help)

    def lower(self, scope: Scope) -> Iterator[tuple[str, Body]]:
        teams = ",".join(str(scope.address(a).name) for a in self.approvers)
        items: list[tuple[str, Any]] = [
            ("over", self.over), ("when", self.when or ""), ("enforce", self.enforced), ("approvers", teams),
        ]  # fmt: skip
        items += [("use", self.use)] if self.use else []
        items += [("environments", ",".join(self.environments))] if self.environments else []
        items += [("except", f"{e.address} {e.until or ''}".rstrip()) for e in self.exempt]
        yield "", Fact(tuple(items))
