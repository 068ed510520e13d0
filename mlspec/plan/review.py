"""Who must agree: the teams that own something affected, downstream too, each once, and why it is asked."""

from collections.abc import Iterable, Iterator, Mapping

from mlspec.base.value import dataclass
from mlspec.plan.change import Action, Change, Review, Why
from mlspec.state.model import State


@dataclass(frozen=True)
class Team:
    """Who a team is, as the plan needs to know it."""

    name: str
    role: str
    reviewers: tuple[str, ...]
    members: tuple[str, ...] = ()


def reviews(changes: Iterable[Change], teams: Mapping[str, Team], state: State) -> tuple[Review, ...]:
    """The teams that own what changes, or have owned it; parts are named by what they belong to."""
    owned: dict[str, dict[str, Why]] = {}
    for change in changes:
        for owner in _owners(change, state):
            mine = owned.setdefault(owner, {})
            why = _why(change)
            known = mine.get(why.address)
            if known is None or (known.because and not why.because):
                mine[why.address] = why
    found = []
    for name in sorted(owned):
        team = teams.get(name, Team(name, "", ()))
        reasons = tuple(owned[name].values())
        found.append(Review(name, team.role, team.reviewers, tuple(w.address for w in reasons), reasons))
    return tuple(found)


def _owners(change: Change, state: State) -> Iterator[str]:
    """Who owns it now, and who has owned it before: handing something over needs both."""
    record = state.get(change.address)
    if change.action is not Action.NONE:
        yield from dict.fromkeys(o for o in (change.owner, record.owner if record else "") if o)


def _why(change: Change) -> Why:
    chain = (
        min((c for c in change.causes if len(c) > 1), key=lambda c: (len(c), c), default=())
        if not change.direct
        else ()
    )
    return Why(str(change.address.whole), change.reason, chain)
