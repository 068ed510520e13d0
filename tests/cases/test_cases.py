"""Whole stories: a folder each, with files, the steps that a person takes, and everything that is printed.

`steps.txt` holds one step a line: `$ mlspec …` runs the program; `edit FILE: OLD -> NEW` and `remove FILE` change files.
`output.txt` is what it printed; `pytest --update-golden` writes it anew.
"""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from mlspec.cli.main import main

HERE = Path(__file__).parent
CASES = sorted(p.parent for p in HERE.glob("*/steps.txt"))
_VARIES = (
    (re.compile(r" in \d+\.\d s\b"), ""),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<digest>"),
    (re.compile(r"(built_at: )\S+"), r"\1<now>"),
)


def test_there_are_stories() -> None:
    assert len(CASES) >= 6


@pytest.mark.parametrize("case", CASES, ids=lambda p: p.name)
def test_story(
    case: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    project = tmp_path / "project"
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    shutil.copytree(HERE / "project", project)
    if (case / "specs").is_dir():
        shutil.copytree(case / "specs", project, dirs_exist_ok=True)
    monkeypatch.chdir(project)
    printed = "\n".join(
        told(project, step, capsys) for step in (case / "steps.txt").read_text("utf-8").splitlines() if step
    )
    if request.config.getoption("--update-golden"):
        (case / "output.txt").write_text(printed, "utf-8")
    assert printed == (case / "output.txt").read_text("utf-8")


def run(arguments: list[str]) -> object:
    try:
        return main(arguments)
    except SystemExit as ended:
        return ended.code


def told(project: Path, step: str, capsys: pytest.CaptureFixture[str]) -> str:
    if step.startswith("$ mlspec "):
        code = run(shlex.split(step.removeprefix("$ mlspec ")))
        said = capsys.readouterr()
        text = said.err + said.out
        for pattern, shown in _VARIES:
            text = pattern.sub(shown, text)
        return f"{step}\n{text}[exit {code}]\n"
    if match := re.fullmatch(r"edit (\S+): (.*) -> (.*)", step):
        path = project / match[1]
        before = path.read_text("utf-8")
        old, new = (match[i].replace("\\n", "\n") for i in (2, 3))
        assert old in before, f"`{old}` is not in {match[1]}"
        path.write_text(before.replace(old, new), "utf-8")
        return f"{step}\n"
    assert step.startswith("remove "), step
    (project / step.removeprefix("remove ")).unlink()
    return f"{step}\n"
