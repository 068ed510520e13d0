"""What has changed since an earlier run: files, what patterns mean, environment variables, what sources read elsewhere."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from mlspec.base.digest import digest
from mlspec.base.value import dataclass, field
from mlspec.compile.facts import Facts
from mlspec.documents.project import PROJECT_FILE, Files, OutsideProject, yaml_files
from mlspec.documents.watch import Watch
from mlspec.ir.outside import Scan, Seen
from mlspec.ir.pack import pack, unpack

if TYPE_CHECKING:  # start-up time: for runs that find a change
    from mlspec.compile.details import DocHead, SpecHead

Look = Callable[[str, Scan], Seen]
"""Looks at what a source reads, by its address and scan."""


class Env(Mapping[str, str]):
    """Environment variables, of which it is noted who asks for them."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values_, self.asked = dict(values), set[str]()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


@dataclass
class Changed:
    """What is not as it was: names of files, patterns, folders, paths, environment variables and sources."""

    held: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)
    globs: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    env: set[str] = field(default_factory=set)
    looked: set[str] = field(default_factory=set)
    listed: bool = False

    def __bool__(self) -> bool:
        return self.listed or any((self.held, self.paths, self.globs, self.folders, self.env, self.looked))

    def touched(self, head: "DocHead | SpecHead") -> bool:
        """Whether an answer would be another one now."""
        return bool(
            not self.held.isdisjoint(head.held)
            or not self.paths.isdisjoint(head.paths)
            or not self.globs.isdisjoint(head.globs)
            or not self.folders.isdisjoint(head.folders)
        )


def survey(facts: Facts, files: Files, watch: Watch, env: Mapping[str, str]) -> Changed:
    """Compare what was with what is here."""
    changed = Changed()
    held = {**facts.files}
    for name, (_, before) in held.items():
        if watch.now(name) != before:
            changed.held.add(name)
    _meaning(facts, files, watch, changed)
    changed.env = {n for n, before in facts.env.items() if told(env, n) != before}
    if PROJECT_FILE not in changed.held:
        changed.listed = list(yaml_files(files.root, tuple(facts.ignored))) != facts.yaml
    return changed


def moved(facts: Facts, look: Look) -> set[str]:
    """The sources of which something else is seen now where they read elsewhere."""
    return {address for address, scan, seen in facts.looks if pack(look(address, unpack(scan))) != seen}


def _meaning(facts: Facts, files: Files, watch: Watch, changed: Changed) -> None:
    """A path leads where it led as long as the file at its end is the very same one."""
    for name, before in facts.asked.paths.items():
        same = watch.seen.get(name) is not None and watch.seen[name] is facts.files.get(name)
        if not same and _place(files, name) != before:
            changed.paths.add(name)
    changed.globs = {p for p, before in facts.asked.globs.items() if files.matching(p) != before}
    changed.folders = {p for p, before in facts.asked.folders.items() if files.inside(p) != before}


def _place(files: Files, name: str) -> str:
    try:
        return files.place(name)
    except (OutsideProject, OSError, RuntimeError):
        return ""


def told(env: Mapping[str, str], name: str) -> str:
    """The digest of an environment variable; empty where it is not set."""
    return digest(env[name]) if name in env else ""
