"""The page about asking for features is so: its files, its commands and what they answer, its Python."""

import re
import shlex

import pytest
from command import REPOSITORY, mlspec

pytest.importorskip("pyarrow", reason="pyarrow is not installed")

PAGE = (REPOSITORY / "docs" / "query.md").read_text("utf-8")
FENCE = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_page_is_so(tmp_path, monkeypatch):
    (tmp_path / "mlspec.yaml").write_text("kind: project\nname: shop\nspec_version: 1\n")
    blocks = FENCE.findall(PAGE)
    for _, file, text in blocks:
        if file:
            (tmp_path / file).write_text(text)
    mlspec(tmp_path, "apply", "--auto-approve")
    for kind, _, text in blocks:
        if kind == "console":
            line, _, answer = text.partition("\n")
            done = mlspec(tmp_path, *shlex.split(line.removeprefix("$ mlspec ")))
            assert done.out + done.err == answer
    monkeypatch.chdir(tmp_path)
    known = {}
    for kind, _, text in blocks:
        if kind == "python":
            exec(compile(text, "query.md", "exec"), known)  # noqa: S102 - the page's own
    assert (tmp_path / "answers.parquet").is_file()
