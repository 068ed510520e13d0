"""What can be known of the other environments of a project: that their backends are there, and what those refuse."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from mlspec.backends.chosen import Backends
from mlspec.backends.error import BackendError
from mlspec.backends.remembered import Memory
from mlspec.base.diag import Diagnostic, Problems
from mlspec.base.value import dataclass, replace
from mlspec.compile.gathered import Gathered
from mlspec.compile.named import about
from mlspec.compile.project import Compiled
from mlspec.ir.outside import Scan, Seen
from mlspec.planned import Beside
from mlspec.world import chosen_backends, look_outside, refuse_unsupported

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
        gathered = self.compiled.gathered
        same = dict(gathered.beside[environment]["engine"]) == dict(gathered.backends["engine"])

        def look(_: Gathered, address: str, scan: Scan) -> Seen:
            if not (scan.inside or scan.store or scan.database):  # files of the project
                return look_outside(address, scan, self.backends)
            found = next((seen for known, seen in self.looked if known == scan), None)
            if found is None or (scan.inside and not same):
                raise OtherSources(address)
            return found

        return self.compile_in(environment, look)


def validate_others(
    compiled: Compiled, backends: Backends, looked: Sequence[tuple[Scan, Seen]], compile_in: Callable[[str, Look], Compiled],
    memory: Memory | None,
) -> tuple[Beside, ...]:  # fmt: skip
    """Check the environments that are not the chosen one, without a connection. Raises Problems that name the environment.

    Each is compiled like any other, so that the next run compiles only what has changed of it.
    """
    gathered = compiled.gathered
    known = Known(compiled, backends.place.root, backends, looked, compile_in, memory)
    checked: list[Beside] = []
    wrong: list[Diagnostic] = []
    for name, theirs in gathered.beside.items():
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


def _told(found: Iterable[Diagnostic], environment: str) -> Iterator[Diagnostic]:
    for one in found:
        yield replace(one, message=f"in environment `{environment}`: {one.message}")
