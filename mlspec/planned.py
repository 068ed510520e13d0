"""A plan with all that it takes to apply it."""

from collections.abc import Mapping

from mlspec.base.diag import Diagnostic
from mlspec.base.value import dataclass
from mlspec.ir.desired import DesiredState
from mlspec.plan.approval import Approval
from mlspec.plan.change import Plan


@dataclass(frozen=True)
class Beside:
    """Another environment of the project. Its backends and their options were checked, and unless there is a `why_not` what they refuse."""

    environment: str
    why_not: str = ""
    warnings: tuple[Diagnostic, ...] = ()
    """Of what its lists name and its files do not describe."""


@dataclass(frozen=True)
class Validated:
    """How many specs of each kind there are, and what to mind."""

    environment: str
    kinds: Mapping[str, int]
    warnings: tuple[Diagnostic, ...]
    others: tuple[Beside, ...] = ()
    """The other environments of the project, as far as they were checked too."""


@dataclass(frozen=True)
class Planned:
    """A plan, with what it would make."""

    plan: Plan
    desired: DesiredState
    artifacts: Mapping[str, str]
    warnings: tuple[Diagnostic, ...] = ()
    approvals: tuple[Approval, ...] = ()
    """Of this plan, if it was saved; `void` are those of another one."""
    void: tuple[Approval, ...] = ()
