"""What can be known of the other environments of a project: that their backends are there, and what those refuse."""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from mlspec.backends.chosen import Backends
from mlspec.backends.error import BackendError
from mlspec.backends.remembered import Memory
from mlspec.base.diag import Diagnostic, Problems
from mlspec.base.digest import digest, digest_bytes
from mlspec.base.value import dataclass, replace
from mlspec.compile.cache import made_by
from mlspec.compile.gathered import Gathered, backends_of
from mlspec.compile.named import about
from mlspec.compile.project import Compiled
from mlspec.documents.project import PROJECT_FILE, yaml_files
from mlspec.ir.codec import decode, encode
from mlspec.ir.outside import Scan, Seen
from mlspec.planned import Beside
from mlspec.world import chosen_backends, look_outside, refuse_unsupported

_VARIABLE = re.compile(rb"\$\{\s*env\.(\w+)")


Look = Callable[[Gathered, str, Scan], Seen]


class OtherSources(Exception):
    """Something is read there that was not looked at here; its address is the message."""


@dataclass(frozen=True)
class Known:
    """How another environment is compiled, and what was looked at outside the project for this one: nothing else is looked at."""

    compiled: Compiled
    root: Path
    backends: Backends
    looked: Sequence[tuple[Scan, Seen]]
    compile_in: Callable[[str, Look], Compiled]
    memory: Memory | None

    def there(self, environment: str) -> Compiled:
        """The project there. Raises Problems and OtherSources."""
        same = backends_of(self.compiled.gathered.project.spec, environment)["engine"] == self.engine

        def look(_: Gathered, address: str, scan: Scan) -> Seen:
            if not (scan.inside or scan.store or scan.database):  # files of the project
                return look_outside(address, scan, self.backends)
            found = next((seen for known, seen in self.looked if known == scan), None)
            if found is None or (scan.inside and not same):
                raise OtherSources(address)
            return found

        return self.compile_in(environment, look)

    @property
    def engine(self) -> dict[str, object]:
        """The engine of this environment, with its options."""
        return dict(self.compiled.gathered.backends["engine"])


def validate_others(
    compiled: Compiled, backends: Backends, looked: Sequence[tuple[Scan, Seen]], compile_in: Callable[[str, Look], Compiled],
    memory: Memory | None,
) -> tuple[Beside, ...]:  # fmt: skip
    """Check the environments that are not the chosen one, without a connection. Raises Problems that name the environment."""
    name, key = f"others {compiled.gathered.environment}", _key(compiled, backends.place.root)
    known = _read(memory.fact(name), key) if memory is not None else None
    if known is not None:
        return known
    found = _checked(Known(compiled, backends.place.root, backends, looked, compile_in, memory))
    if memory is not None:
        memory.note(name, json.dumps({"of": key, "others": [encode(one) for one in found]}))
    return found


def _checked(known: Known) -> tuple[Beside, ...]:
    gathered = known.compiled.gathered
    project = gathered.project.spec
    checked: list[Beside] = []
    wrong: list[Diagnostic] = []
    for name in getattr(project, "environments", ()):
        if name == gathered.environment:
            continue
        theirs = backends_of(project, name)
        try:
            chosen_backends(replace(gathered, environment=name, backends=theirs), known.root).check()
            checked.append(_refused(known, name))
        except Problems as problems:
            wrong.extend(_told(problems.diagnostics, name))
    if wrong:
        raise Problems(wrong)
    return tuple(checked)


def _refused(known: Known, environment: str) -> Beside:
    """Compile it and ask its backends; or why that cannot be done here. Raises Problems."""
    try:
        made = known.there(environment)
        backends = chosen_backends(made.gathered, known.root)
        try:
            refuse_unsupported(made, backends, known.memory)
        finally:
            backends.close()
    except OtherSources as source:
        return Beside(environment, f"`{source}` is read from elsewhere there")
    except BackendError as error:
        return Beside(environment, str(error))
    return Beside(environment, warnings=tuple(w for w in made.warnings if about(w)))


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
        return tuple(decode(Beside, one) for one in said["others"]) if said["of"] == key else None
    except (ValueError, LookupError, TypeError):
        return None


def _told(found: Iterable[Diagnostic], environment: str) -> Iterator[Diagnostic]:
    for one in found:
        yield replace(one, message=f"in environment `{environment}`: {one.message}")
