"""Which tasks stand under which conditions: a condition holds for a step and for everything that needs what it makes.

Kubeflow asks for conditions of whole sub-graphs. A step with `when` opens one; what needs its outputs belongs into it.
"""

from collections.abc import Sequence

from mlspec.backends.pipelines._rendered.tasks import Planned, task_name
from mlspec.backends.port import BackendError
from mlspec.base.value import dataclass, field

Conditions = frozenset[str]
ROOT: Conditions = frozenset()


@dataclass
class Group:
    """A sub-graph: the step whose condition opens it, the tasks in it, and the groups that stand in it."""

    key: Conditions
    opener: Planned | None = None
    tasks: list[Planned] = field(default_factory=list)
    groups: list["Group"] = field(default_factory=list)
    parent: "Group | None" = None

    @property
    def name(self) -> str:
        """The name of the task that starts it."""
        return f"{task_name(self.opener.step.name)}--when" if self.opener else ""

    def holds(self, other: "Group") -> bool:
        """Whether another group is this one, or somewhere in it."""
        return self.key <= other.key


class Groups:
    """The groups of a workflow, nested. Raises BackendError where they would have to overlap, or a step comes `after` one that may be left out."""

    def __init__(self, tasks: Sequence[Planned]) -> None:
        self.root = Group(ROOT)
        self.of: dict[str, Group] = {}
        by_key = {ROOT: self.root}
        for one in tasks:
            above: Conditions = frozenset().union(*(self.of[name].key for name in one.needs))
            key = above | {one.step.name} if one.when else above
            if key not in by_key:
                by_key[key] = self._opened(one, key, above, by_key)
            by_key[key].tasks.append(one)
            self.of[one.name] = by_key[key]
        for one in tasks:
            self._check_after(one)

    def _opened(self, one: Planned, key: Conditions, above: Conditions, known: dict[Conditions, Group]) -> Group:
        parent = known.get(above)
        if not one.when or parent is None:
            listed = ", ".join(f"`{name}`" for name in sorted(key))
            raise BackendError(
                f"step `{one.step.name}` needs what steps under several conditions make ({listed}), which Kubeflow cannot say",
                "let one of them need the other, or give only the last step a condition",
                "unsupported-by-backend",
                ("steps", one.step.name),
            )
        group = Group(key, one, parent=parent)
        parent.groups.append(group)
        return group

    def _check_after(self, one: Planned) -> None:
        for name in one.follows:
            if not self.of[name].holds(self.of[one.name]):
                raise BackendError(
                    f"step `{one.step.name}` comes after a step that may be left out by a condition, which Kubeflow cannot say",
                    "let it need something of that step, or come after a step without a condition",
                    "unsupported-by-backend",
                    ("steps", one.step.name, "after"),
                )
