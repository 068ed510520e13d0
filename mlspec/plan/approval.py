"""Approvals of a saved plan: who has agreed to exactly this plan, for which team, and when."""

from collections.abc import Iterable

from mlspec.base.diag import problem
from mlspec.base.value import dataclass
from mlspec.plan.review import Team


@dataclass(frozen=True, slots=True)
class Approval:
    """`plan` is the digest of the plan that was agreed to; `known_from` says where the name of `who` comes from; `when` is ISO 8601, UTC.

    It is a record that people can read, not a signature: who can write the file can write anything into it.
    """

    team: str
    who: str
    when: str
    plan: str
    known_from: str = ""


def counted(approvals: Iterable[Approval], digest: str) -> tuple[tuple[Approval, ...], tuple[Approval, ...]]:
    """Those of this very plan, and those of another one, which are void."""
    approvals = tuple(approvals)
    return tuple(a for a in approvals if a.plan == digest), tuple(a for a in approvals if a.plan != digest)


def refuse_stranger(team: Team, who: str) -> None:
    """Raise Problems when somebody is not listed in a team."""
    listed = (*team.members, *team.reviewers)
    if not listed:
        message = f"team `{team.name}` lists neither `members` nor `reviewers`, so that nobody can approve for it"
        raise problem("not-a-reviewer", message, help=f"list `{who}` in the document of the team")
    if _plain(who) not in {_plain(name) for name in listed}:
        names = ", ".join(f"`{n}`" for n in listed)
        message = f"`{who}` is not in team `{team.name}`"
        raise problem(
            "not-a-reviewer",
            message,
            help=f"listed are {names}; who you are is taken from `MLSPEC_USER`, else from git",
        )


def _plain(name: str) -> str:
    return name.removeprefix("@").casefold()
