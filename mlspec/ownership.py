"""Who owns which file of a project, and the CODEOWNERS file that says so to GitHub and GitLab."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlspec.base.diag import problem
from mlspec.compile.project import Compiled
from mlspec.plan.review import Team

BEGIN, END = "# mlspec: begin", "# mlspec: end"
_ABOUT = "# who owns what these files describe; written by `mlspec codeowners`"
PLACES = (".github/CODEOWNERS", ".gitlab/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where GitHub and GitLab look for it."""


def owned_files(compiled: Compiled, teams: Mapping[str, Team]) -> dict[str, tuple[str, ...]]:
    """From each file with documents, or SQL of one, to the handles of the teams that own something in it."""
    found: dict[str, list[str]] = {}
    for _, bound in sorted(compiled.gathered.bound.items()):
        spec: Any = bound.spec
        owner = spec.owner.name if spec.owner else ""
        handles = teams[owner].reviewers if owner in teams else ()
        if spec.kind_name() == "team":
            handles = spec.reviewers  # who is in a team is for the team to say
        files = [
            bound.document.file,
            *(q.file for q in (getattr(spec, n, None) for n in ("sql", "query")) if q is not None and q.file),
        ]
        for file in files:
            mine = found.setdefault(file, [])
            mine.extend(h for h in map(_handle, handles) if h not in mine)
    return {file: tuple(handles) for file, handles in sorted(found.items()) if handles}


def _handle(name: str) -> str:
    return name if name.startswith("@") or "@" in name else f"@{name}"


def repository_of(root: Path) -> Path:
    """The top of the repository that a project lies in; its own folder, where there is none."""
    root = root.resolve()
    return next((p for p in (root, *root.parents) if (p / ".git").exists()), root)


def lines(owned: Mapping[str, tuple[str, ...]], root: Path, top: Path) -> tuple[str, ...]:
    """The lines of the file, with paths from the top of the repository."""
    inside = root.resolve().relative_to(top).as_posix()
    prefix = "" if inside == "." else f"/{inside}"
    return tuple(f"{_escaped(f'{prefix}/{file}')} {' '.join(handles)}" for file, handles in owned.items())


def _escaped(path: str) -> str:
    for sign in ("\\", " ", "#", "*", "?", "[", "]", "!"):
        path = path.replace(sign, f"\\{sign}")
    return path


def written(text: str, found: tuple[str, ...], shown: str) -> str:
    """The text of a CODEOWNERS file with these lines between the marks; what others wrote stays. Raises Problems."""
    block = "\n".join([BEGIN, _ABOUT, *found, END]) + "\n"
    if BEGIN not in text and END not in text:
        return f"{text.rstrip()}\n\n{block}" if text.strip() else block
    before, begun, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended or BEGIN in rest or END in after:
        raise problem("damaged-codeowners", f"`{shown}` has not one `{BEGIN}` and one `{END}` after it",
                      help="put the marks right, or take them and what is between them away")  # fmt: skip
    return f"{before}{block}{after.removeprefix(chr(10))}"
