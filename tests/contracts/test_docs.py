"""What the documentation says is so: links lead somewhere, YAML binds, options exist, the examples of code run."""

import argparse
import re
from functools import cache

import pytest
from command import REPOSITORY, mlspec

from mlspec.backends.chosen import DEPLOYS
from mlspec.base.diag import Report
from mlspec.cli.arguments import Parser, add_global_options
from mlspec.cli.main import VERBS
from mlspec.documents.each import each
from mlspec.documents.project import Files
from mlspec.documents.reader import read_text
from mlspec.language.bind import bind
from mlspec.language.sql import Bindings
from mlspec.session import KINDS, Session

PAGES = sorted([
    *REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md"), *(REPOSITORY / "examples").rglob("*.md"),
    *(REPOSITORY / "mlspec" / "templates").rglob("*.md"),
])  # fmt: skip
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\S*)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
STRAY = re.compile(
    r"\b(TODO|FIXME|XXX|lorem|obviously|simply|just works|blazing|seamless\w*)\b|(?<![\w.])/(?:root|home|work)/\w+",
    re.IGNORECASE,
)
OF_OTHERS = {"--check", "--dist", "--edit-last", "--create-if-none", "--body-file", "--group"}
"""Options of pytest, ruff, gh and pip that the pages name."""


def name(page):
    return page.relative_to(REPOSITORY).as_posix()


def blocks(page, language):
    return [(mark.strip(), text) for kind, mark, text in FENCE.findall(page.read_text("utf-8")) if kind == language]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_leads_somewhere(page):
    for target in LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
        if "://" not in target and not target.startswith("#"):
            assert (page.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_stray_words(page):
    assert not STRAY.search(page.read_text("utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_yaml_block_binds(page):
    for mark, text in blocks(page, "yaml"):
        if mark:
            continue  # `not-a-spec`, `of-another-package`
        report = Report()
        for document in (one for whole in read_text(text, name(page), report) for one in each(whole, report)):
            assert bind(document, KINDS, Bindings(Files(REPOSITORY), "docs", {}, "dev"), report)
        assert not report.failed, [d.message for d in report.diagnostics]


@cache
def options():
    found = set(OF_OTHERS)
    parsers = [Parser(prog="mlspec")]
    add_global_options(parsers[0], 0)
    for verb in VERBS:
        module = __import__(f"mlspec.cli.{verb}", fromlist=["arguments"])
        parsers.append(Parser(prog=verb))
        module.arguments(parsers[-1])
    while parsers:
        for action in parsers.pop()._actions:
            found.update(action.option_strings)
            if isinstance(action, argparse._SubParsersAction):
                parsers.extend(action.choices.values())
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_option_exists(page):
    assert set(OPTION.findall(page.read_text("utf-8"))) <= options()


def test_every_page_is_found_from_the_readme():
    linked = set(LINK.findall((REPOSITORY / "README.md").read_text("utf-8")))
    assert {name(page) for page in PAGES if page.parent.name == "docs"} <= linked


def package(page, group, folder):
    """Put the code of a page where Python finds it, with its entry point: as if its package were installed."""
    (mark, code), *_ = blocks(REPOSITORY / "docs" / page, "python")
    file = mark.removeprefix("file=")
    module = file.removesuffix(".py")
    (class_name,) = re.findall(r"^class (\w+)\(", code, re.MULTILINE)
    about = folder / f"{module}-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / file).write_text(code, "utf-8")
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", "utf-8")
    (about / "entry_points.txt").write_text(f"[{group}]\n{module} = {module}:{class_name}\n", "utf-8")
    shown = " ".join(text for _, text in blocks(REPOSITORY / "docs" / page, "toml"))
    assert f'"{group}"' in shown
    assert f'{module} = "{module}:{class_name}"' in shown
    return {"PYTHONPATH": f"{REPOSITORY}:{folder}"}


def test_the_kind_of_add_a_kind_works(tmp_path):
    installed = package("add-a-kind.md", "mlspec.kinds", tmp_path / "site")
    project = tmp_path / "machines"
    Session.init(project)
    ((_, text),) = [b for b in blocks(REPOSITORY / "docs" / "add-a-kind.md", "yaml") if b[0] == "of-another-package"]
    (project / "metric.yaml").write_text(text, "utf-8")
    mlspec(project, "apply", "--auto-approve", "--select", "metric.mean_vibration", **installed)
    assert "value" in mlspec(project, "query", "metric.mean_vibration", **installed).out
    edges = mlspec(project, "lineage", "metric.mean_vibration.value", **installed).out
    assert "source.readings.vibration" in edges
    (project / "metric.yaml").write_text(text.replace("AVG(vibration)", "MAX(machine)"), "utf-8")
    assert "metric `mean_vibration` answers one number" in mlspec(project, "validate", code=1, **installed).err


def test_the_backend_of_add_a_backend_works(tmp_path):
    installed = package("add-a-backend.md", "mlspec.deploys", tmp_path / "site")
    assert "compose" not in DEPLOYS.names()
    project = tmp_path / "machines"
    Session.init(project)
    file, serving = project / "mlspec.yaml", project / "serving.yaml"
    file.write_text(
        re.sub(
            r"deploy_target: \{type: kubernetes, path: deploy, .*?\}",
            "deploy_target: {type: compose}",
            file.read_text(),
        )
    )
    assert "cannot honour `resources`" in mlspec(project, "plan", code=1, **installed).err
    serving.write_text(re.sub(r"resources: .*\n", "", serving.read_text()))
    mlspec(project, "apply", "--auto-approve", **installed)
    mlspec(project, "plan", "--detailed-exitcode", **installed)
    written = project / "compose" / "dev" / "stop_warning.compose.json"
    assert "MLSPEC_MODEL_VERSION" in written.read_text()
    written.write_text("{}")
    assert "deployment.stop_warning" in mlspec(project, "plan", "--detailed-exitcode", code=2, **installed).out
    mlspec(project, "destroy", "--auto-approve", **installed)
    assert not written.exists()
