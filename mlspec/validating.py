"""What can be known of the other environments of a project: that their backends are there, and what those refuse."""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from mlspec.backends.chosen import Backends
from mlspec.backends.error import BackendError
from mlspec.backends.remembered import Memory
from mlspec.base.diag import Diagnostic, Problems
from mlspec.base.digest import digest, digest_bytes
from mlspec.base.value import asdict, replace
from mlspec.compile.cache import made_by
from mlspec.compile.gathered import backends_of
from mlspec.compile.project import Compiled
from mlspec.documents.project import PROJECT_FILE, yaml_files
from mlspec.planned import Beside
from mlspec.world import chosen_backends, refuse_unsupported

_VARIABLE = re.compile(rb"\$\{\s*env\.(\w+)")


class Opened(Protocol):
    """The same project in another environment."""

    @property
    def compiled(self) -> Compiled:
        """The project as it is there. Raises Problems."""

    @property
    def backends(self) -> Backends:
        """What it is made with."""


def validate_others(
    compiled: Compiled, root: Path, opened: Callable[[str], Opened], memory: Memory | None
) -> tuple[Beside, ...]:
    """Check the environments that are not the chosen one. Raises Problems that name the environment."""
    name, key = f"others {compiled.gathered.environment}", _key(compiled, root)
    known = _read(memory.fact(name), key) if memory is not None else None
    if known is not None:
        return known
    found = _looked_at(compiled, root, opened, memory)
    if memory is not None:
        memory.note(name, json.dumps({"of": key, "others": [asdict(one) for one in found]}))
    return found


def _looked_at(
    compiled: Compiled, root: Path, opened: Callable[[str], Opened], memory: Memory | None
) -> tuple[Beside, ...]:
    gathered = compiled.gathered
    project = gathered.project.spec
    checked: list[Beside] = []
    wrong: list[Diagnostic] = []
    for name in getattr(project, "environments", ()):
        if name == gathered.environment:
            continue
        theirs = backends_of(project, name)
        try:
            chosen_backends(replace(gathered, environment=name, backends=theirs), root).check()
            same = theirs["engine"] == dict(gathered.backends["engine"])
            why_not = _refused(opened(name), memory) if same else "it has an engine of its own"
            checked.append(Beside(name, why_not))
        except Problems as problems:
            wrong.extend(_told(problems.diagnostics, name))
    if wrong:
        raise Problems(wrong)
    return tuple(checked)


def _refused(other: Opened, memory: Memory | None) -> str:
    """Compile it and ask its backends; why that cannot be done here. Raises Problems."""
    try:
        refuse_unsupported(other.compiled, other.backends, memory)
    except BackendError as error:
        return str(error)
    return ""


def _key(compiled: Compiled, root: Path) -> str:
    """What the answer hangs on: what the files say, here and elsewhere, and the variables of the process that they name."""
    names = (PROJECT_FILE, *yaml_files(root, ()), *compiled.gathered.files.glob("**/*.sql"))
    texts = [(name, (root / name).read_bytes()) for name in names]
    asked = sorted({found.decode() for _, text in texts for found in _VARIABLE.findall(text)})
    return digest(
        made_by(), compiled.gathered.environment, sorted(compiled.ids.values()), [(n, digest_bytes([t])) for n, t in texts],
        [(name, os.environ.get(name, "")) for name in asked],
    )  # fmt: skip


def _read(text: str | None, key: str) -> tuple[Beside, ...] | None:
    try:
        said = json.loads(text or "{}")
        return tuple(Beside(**one) for one in said["others"]) if said["of"] == key else None
    except (ValueError, LookupError, TypeError):
        return None


def _told(found: Iterable[Diagnostic], environment: str) -> Iterator[Diagnostic]:
    for one in found:
        yield replace(one, message=f"in environment `{environment}`: {one.message}")
