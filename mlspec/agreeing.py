"""The verbs by which people agree: approve a saved plan, and say who owns which file."""

import os
import time
from abc import ABC, abstractmethod
from pathlib import Path

from mlspec.base.diag import known_names, problem
from mlspec.base.value import dataclass, replace
from mlspec.compile.project import Compiled
from mlspec.judge import teams_of
from mlspec.ownership import owned_files
from mlspec.plan.approval import Approval, counted, refuse_stranger
from mlspec.plan.file import SavedPlan, decode_saved, encode_saved


@dataclass(frozen=True)
class Agreed:
    """An approval that was recorded, and the teams whose word is still waited for."""

    approval: Approval
    waiting: tuple[str, ...]


class Agreeing(ABC):
    """The part of a session that is about agreement."""

    root: Path

    @property
    @abstractmethod
    def compiled(self) -> Compiled:
        """The project, compiled once."""

    def approve(self, path: Path, team: str) -> Agreed:
        """Record in a saved plan that somebody of a team agrees to it."""
        saved = read_saved(path)
        teams = teams_of(self.compiled)
        if team not in teams:
            raise problem("unknown-address", f"there is no team `{team}`", help=known_names(team, teams, "team"))
        asked = asked_by(saved)
        if team not in asked:
            names = ", ".join(f"`{a}`" for a in sorted(asked)) or "nobody"
            raise problem("not-asked", f"the plan asks nothing of team `{team}`", help=f"asked is {names}")
        who, known_from = who_am_i(self.root)
        refuse_stranger(teams[team], who)
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        approval = Approval(team, who, when, saved.digest, known_from)
        mine = [a for a in saved.approvals if (a.team, a.who) != (team, who) and a.plan == saved.digest]
        kept = replace(saved, approvals=(*mine, approval))
        draft = path.with_name(f"{path.name}.draft")
        draft.write_text(encode_saved(kept), "utf-8")
        draft.replace(path)
        return Agreed(approval, waiting_for(kept))

    def owned_files(self) -> dict[str, tuple[str, ...]]:
        """From each file of the project to the handles of those who review it."""
        return owned_files(self.compiled, teams_of(self.compiled))


def read_saved(path: Path) -> SavedPlan:
    """A saved plan. Raises Problems."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise problem(
            "not-a-plan", f"there is no readable file `{path}`", help="`mlspec plan -o FILE` writes one"
        ) from None
    return decode_saved(text, path.name)


def asked_by(saved: SavedPlan) -> set[str]:
    """The teams whose word a plan asks for: of reviews, and of policies."""
    approvers = {t for v in saved.plan.verdicts if v.enforce == "approve" for t in v.approvers}
    return approvers | {r.team for r in saved.plan.reviews}


def waiting_for(saved: SavedPlan) -> tuple[str, ...]:
    """The teams without which it cannot be applied, as far as they have not approved; of several that would do, all."""
    given = {a.team for a in counted(saved.approvals, saved.digest)[0]}
    found = {r.team for r in saved.plan.reviews if saved.plan.reviews_required} - given
    for verdict in saved.plan.verdicts:
        if verdict.enforce == "approve" and not given & set(verdict.approvers):
            found |= set(verdict.approvers)
    return tuple(sorted(found))


def who_am_i(root: Path) -> tuple[str, str]:
    """Who is at work, and how that is known: `MLSPEC_USER`, else the e-mail address that git has, else the user of the machine."""
    if name := os.environ.get("MLSPEC_USER"):
        return name, "environment"
    import getpass  # noqa: PLC0415 - start-up time
    import subprocess  # noqa: PLC0415 - start-up time

    try:
        command = ["git", "-C", str(root), "config", "user.email"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)  # noqa: S603 - fixed words
    except (OSError, subprocess.TimeoutExpired):
        return getpass.getuser(), "machine"
    return (done.stdout.strip(), "git") if done.stdout.strip() else (getpass.getuser(), "machine")
