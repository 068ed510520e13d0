"""A policy: a condition over planned changes or resources, and what happens where it holds."""

from collections.abc import Iterator
from typing import Annotated, Literal

from mlspec.base.diag import Diagnostic
from mlspec.ir.condition import ConditionProblem, compile_condition
from mlspec.ir.fact import Fact
from mlspec.ir.resource import Body
from mlspec.kinds.team import Team
from mlspec.language.scope import Scope
from mlspec.language.spec import OnChange, Ref, Spec


class Policy(Spec):
    """Where the CEL expression `when` is true of a `change` (or of a `resource`), the plan is denied, needs an approval, or warns.

    What an expression sees is in docs/policies.md.
    """

    over: Literal["changes", "resources"] = "changes"
    when: str
    message: Annotated[str, OnChange.METADATA]
    enforce: Literal["deny", "approve", "warn"]
    approvers: tuple[Ref[Team], ...] = ()

    def check(self, scope: Scope) -> Iterator[Diagnostic]:
        try:
            compile_condition(self.when)
        except ConditionProblem as problem:
            yield scope.error("invalid-condition", f"the condition cannot be read: {problem}", "when")
        if (self.enforce == "approve") != bool(self.approvers):
            yield scope.error("invalid-policy", "`enforce: approve` and `approvers` belong together", "enforce")

    def lower(self, scope: Scope) -> Iterator[tuple[str, Body]]:
        teams = ",".join(str(scope.address(a).name) for a in self.approvers)
        yield "", Fact((("over", self.over), ("when", self.when), ("enforce", self.enforce), ("approvers", teams)))
