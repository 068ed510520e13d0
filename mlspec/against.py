"""Two revisions of the files compared, without a state: what the files say now against what they said in a revision of git."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlspec.base.diag import Problems, problem
from mlspec.base.value import replace
from mlspec.choosing import selection
from mlspec.compile.project import Compiled
from mlspec.ir.desired import DesiredState
from mlspec.ir.relation import Relation
from mlspec.ir.resource import Resource, physical_name, told_columns
from mlspec.ir.service import Service
from mlspec.ir.workflow import Workflow
from mlspec.plan.change import Plan
from mlspec.plan.diff import Reality, Wish, make_plan
from mlspec.state.model import Record, State

if TYPE_CHECKING:  # start-up time
    import subprocess

_PRIVATE = ".mlspec"
_SPECS = frozenset({".yaml", ".yml", ".sql", ".j2"})
"""What the files say: of these, only what git keeps was there."""


@contextmanager
def checked_out(root: Path, revision: str) -> Iterator[Path]:
    """The project below `root` as it was in a revision, in a folder of its own that goes away again. Raises Problems.

    Files that git does not keep, such as data, are there as they are now: what they hold is no difference.
    """
    import tarfile  # noqa: PLC0415 - start-up time
    import tempfile  # noqa: PLC0415 - start-up time

    top = _git(root, "rev-parse", "--show-toplevel").strip()
    commit = _commit(root, revision)
    inside = root.resolve().relative_to(Path(top).resolve()).as_posix()
    tree = commit if inside == "." else f"{commit}:{inside}"
    with tempfile.TemporaryDirectory(prefix="mlspec-") as name:
        folder = Path(name) / root.resolve().name
        folder.mkdir()
        with tarfile.open(fileobj=BytesIO(_archive(Path(top), tree, root.name, revision))) as files:
            files.extractall(folder, filter="data")
        for path in _git(root, "ls-files", "--others", "-z").split("\0"):
            if path and _is_data(path) and not (folder / path).exists():
                _link(root / path, folder / path)
        yield folder


class Against(ABC):
    """The part of a session that compares revisions."""

    root: Path
    _asked: str | None
    _variables: dict[str, Any]

    @property
    @abstractmethod
    def compiled(self) -> Compiled:
        """The project, compiled once."""

    @abstractmethod
    def _whole(self, plan: Plan, state: State, compiled: Compiled) -> Any:
        """A plan with what it would make."""

    def plan_against(self, revision: str, *, select: Sequence[str] = (), exclude: Sequence[str] = ()) -> Any:
        """What the files say now against what they said in a revision of git; neither state nor reality is looked at."""
        opened: Any = type(self)
        with checked_out(self.root, revision) as folder, opened(folder, self._asked, self._variables) as then:
            state = recorded(then.compiled.desired)
        asked = selection(self.compiled, state, select, exclude)
        plan = make_plan(self.compiled.desired, state, Reality(), Wish(asked.select, asked.exclude))
        return self._whole(replace(plan, against=revision), state, self.compiled)


def recorded(desired: DesiredState) -> State:
    """The state that there would be if all of it had been applied."""
    records = {r.address: _record(r) for r in desired}
    return State("", desired.project, desired.environment, records=records)


def _record(resource: Resource) -> Record:
    body = resource.body
    version = ""
    if isinstance(body, Relation):
        version = physical_name(str(resource.address), body)
    elif isinstance(body, Workflow | Service):
        version = body.version
    return Record(
        resource.address, resource.form, resource.digest, "", told_columns(body), body.rows_digest if isinstance(body, Relation) else "",
        dict(resource.words), dict(resource.about), resource.parents, resource.owner, resource.protect, {"version": version} if version else {},
    )  # fmt: skip


def _commit(root: Path, revision: str) -> str:
    try:
        return _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()
    except Problems:
        message = f"git knows no revision `{revision}`"
        raise problem(
            "unknown-revision", message, help="a branch, a tag or a commit; `git fetch` may be needed"
        ) from None


def _archive(top: Path, tree: str, name: str, revision: str) -> bytes:
    done = _run(top, ("archive", "--format=tar", tree))
    if done.returncode:
        message = f"there is no project `{name}` in revision `{revision}`"
        raise problem("unknown-revision", message, help="name a revision that has its folder")
    return done.stdout


def _git(root: Path, *arguments: str) -> str:
    done = _run(root, arguments)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        message = f"`{root.name}` is not kept in git" + (f": {said[-1]}" if said else "")
        raise problem("no-git", message, help="`--against` compares revisions of git")
    return done.stdout.decode("utf-8", "surrogateescape")


def _run(root: Path, arguments: Sequence[str]) -> "subprocess.CompletedProcess[bytes]":
    import subprocess  # noqa: PLC0415 - start-up time

    try:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)  # noqa: S603, S607 - git is found where the user has it
    except FileNotFoundError:
        raise problem("no-git", "there is no `git` on this machine", help="`--against` needs it") from None


def _is_data(path: str) -> bool:
    return path.split("/", maxsplit=1)[0] != _PRIVATE and Path(path).suffix not in _SPECS


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:  # another file system
        target.write_bytes(source.read_bytes())
