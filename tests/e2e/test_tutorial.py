"""The tutorial, typed in: each command is run, and the output that is shown is the output that comes."""

import os
import re
import subprocess
import sys

from command import REPOSITORY

BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


def commands():
    """The commands of the tutorial, each with the lines that are shown after it."""
    found = []
    for block in BLOCK.findall((REPOSITORY / "docs" / "tutorial.md").read_text("utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def pattern(lines):
    """What the output must match: a line of `…` is any lines, a line that ends with it any end."""
    parts = [
        r"(?:.*\n)*?" if s.strip() == "…" else re.escape(s.removesuffix("…")) + (".*\n" if s.endswith("…") else "\n")
        for s in lines
    ]
    return "".join(parts) + r"\s*"


def test_the_tutorial_says_what_happens(tmp_path):
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "mlspec"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mlspec "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1", "COLUMNS": "200"}
    folder = tmp_path
    for typed, shown in commands():
        if typed.startswith("cd "):
            folder /= typed[3:]
            continue
        done = subprocess.run(typed, shell=True, cwd=folder, env=env, capture_output=True, text=True, check=False)  # noqa: S602
        said = done.stdout or done.stderr
        assert not shown or re.fullmatch(pattern(shown), said.rstrip("\n") + "\n"), f"$ {typed}\n{said}\n{done.stderr}"
