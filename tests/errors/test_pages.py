"""Each page of `docs/errors` is a test: its project, its steps, and exactly what is said."""

import ast
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlspec.apply.events import Failed
from mlspec.backends.port import BackendError
from mlspec.base.diag import Diagnostic, Problems
from mlspec.cli.views.diagnostics import Sources, as_text
from mlspec.cli.views.terminal import Look
from mlspec.planned import Planned
from mlspec.session import Session

ROOT = Path(__file__).parents[2]
PAGES = sorted(p for p in (ROOT / "docs" / "errors").glob("*.md") if p.stem != "README")
BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROJECT = "kind: project\nname: shop\nspec_version: 1\n"

TOLD_ONLY = {
    "acknowledgement-expired": "depends on the day; the tests of drift have it",
    "backend-failed": "a backend of another package that gives no code of its own",
    "breaking-change": "needs a deployment that is served; the tests of compatibility have it",
    "claim-lost": "needs two who do not agree; the tests of the state have it",
    "condition-failed": "a whole training run for one line; the local runner's own tests have it",
    "denied": "said by `apply` of a plan that `plan` has already shown as denied; the tests of policies have it",
    "approval-needed": "as `denied`",
    "review-needed": "as `denied`; the tests of agreement have it",
    "not-asked": "as `denied`; the tests of agreement have it",
    "not-a-reviewer": "the message holds who runs the tests; the tests of agreement have it",
    "damaged-codeowners": "an option of the command line",
    "engine-failed": "only when the database itself fails",
    "file-in-the-way": "the tests of the rendering targets have it",
    "file-not-usable": "an option of the command line",
    "files-changed": "a race between plan and apply",
    "file-too-large": "the page would have eight million bytes",
    "folder-not-empty": "said by `init`, before there is a project",
    "gate-failed": "a whole training run for one line; the local runner's own tests have it",
    "cannot-move": "an option of the command line; the tests of the state have it",
    "meaningless-option": "an option of the command line",
    "missing-library": "needs a machine without pyarrow",
    "no-certificate": "needs a warehouse of an older version; the tests of certificates have it",
    "no-git": "needs a folder that git does not keep; the tests of revisions have it",
    "not-a-list": "the file of another tool; the tests of valohai.yaml have it",
    "not-imported": "as `not-a-list`",
    "not-resumable": "needs a run that was broken off; the tests of running by hand have it",
    "unknown-run": "an option of the command line; the tests of running by hand have it",
    "no-such-run": "an option of the command line; the tests of the state have it",
    "no-image": "the tests of the Kubernetes target have it",
    "not-a-state": "an option of the command line",
    "not-approved": "a question on a terminal",
    "canary-aborted": "needs a deployment that is served; the tests of canaries have it",
    "cluster-unreachable": "needs a cluster; the tests of the Kubernetes target have it",
    "field-conflict": "as `cluster-unreachable`",
    "rollout-failed": "as `cluster-unreachable`",
    "not-for-kserve": "the tests of the KServe target have it",
    "not-for-kubernetes": "the tests of the Kubernetes target have it",
    "not-proven": "needs two environments; the tests of promotion have it",
    "cannot-roll-back": "needs a history; the tests of rolling back have it",
    "not-two-environments": "arguments of the command line",
    "not-registered": "a whole training run for one line; the local runner's own tests have it",
    "not-utf8": "a page is UTF-8; the tests of bad inputs have it",
    "not-written": "an option of the command line",
    "older-state": "an option of the command line; the tests of the state have it",
    "other-lineage": "as `older-state`",
    "other-state": "two projects with one state; the message holds both names",
    "outside-folder": "an artifact with a path that no target of ours gives",
    "path-outside": "the tests of the rendering targets have it",
    "plan-version": "needs a plan of another version of mlspec",
    "policy-failed": "the tests of policies have it",
    "port-taken": "needs a port that somebody else holds",
    "protected": "the tests of plans have it",
    "ragged-rows": "whether DuckDB notices by itself depends on how many lines there are",
    "repeated-key": "an option of the command line",
    "warehouse-damaged": "a file of another program",
    "same-environment": "two arguments of the command line; the tests of environments have it",
    "same-version": "an option of the command line",
    "saved-plan": "an option of the command line",
    "secret-missing": "needs a deployment or a training run; the tests of the local targets have it",
    "server-failed": "needs a server that dies; the tests of the local deploy target have it",
    "spine-changed": "no query of ours does this; the check is there in case one did",
    "state-changed": "a race of two writers; the tests of the stores have it",
    "state-damaged": "the message holds a path of the machine; the tests of the codec have it",
    "state-locked": "the message holds a process, a host and a time; the tests of the stores have it",
    "state-not-json": "only a backend that returns what JSON cannot hold",
    "state-not-locked": "the tests of the stores have it",
    "state-other-lock": "the message holds random ids; the tests of the stores have it",
    "state-store": "needs a disk that fails; the tests of the stores have it",
    "state-unreachable": "needs a server that is cut off; the tests of the state have it",
    "state-too-new": "needs a state of a later version of mlspec; the tests of the codec have it",
    "step-failed": "a whole training run for one line; the local runner's own tests have it",
    "other-target": "needs two targets, one after the other; the tests of changed targets have it",
    "trained-elsewhere": "the tests of the pipeline targets have it",
    "unknown-revision": "needs a repository; the tests of revisions have it",
    "unknown-template": "as `folder-not-empty`",
    "unknown-version": "needs a registry with other versions; the tests of the local targets have it",
    "warehouse-busy": "needs a second process",
    "warehouse-unreachable": "a server that is not there; the tests of engines have it",
    "missing-package": "a package that is installed wherever the tests are",
}
"""Pages whose example is not run, each with its reason."""

NO_CODES = {"und-x-icu", "site-packages", "dist-packages", "as-groups", "as-uid", "as-user-extra", "auth-provider", "proxy-url", "tls-server-name",
            "utf-8", "utf-8-sig", "us-east-1", "ephemeral-storage", "ls-files", "rev-parse",
            "certificate-authority", "client-certificate", "client-key", "client-certificate-data", "client-key-data", "current-context",
            "insecure-skip-tls-verify", "mlspec-scale", "kserve-container"}  # fmt: skip
"""Words of the source that look like codes and are none."""


@dataclass
class Page:
    """A page taken apart."""

    path: Path
    files: dict[str, str]
    steps: list[str]
    expected: str

    @classmethod
    def read(cls, path: Path) -> "Page":
        files, steps, expected = {"mlspec.yaml": PROJECT}, ["validate"], ""
        for kind, file, text in BLOCK.findall(path.read_text("utf-8")):
            if file:
                files[file] = text
            elif kind == "steps":
                steps = text.splitlines()
            elif kind == "text":
                expected = text
        return cls(path, files, steps, expected)


class Said(Exception):
    """What a step has to say, which ends the page."""

    def __init__(self, found: list[Diagnostic]) -> None:
        self.found = found


class Run:
    """The steps of a page, one after the other, each in a session of its own as on the command line."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.planned: Planned | None = None

    def step(self, line: str) -> None:
        verb, *words = shlex.split(line)
        with Session(self.root) as session:
            try:
                getattr(self, verb)(session, *words)
            except BackendError as error:
                raise Said([Diagnostic(error.code, str(error), help=error.help)]) from None
            except Problems as problems:
                raise Said(list(problems.diagnostics)) from None

    def validate(self, session):
        if warnings := session.validate().warnings:
            raise Said(list(warnings))

    def plan(self, session, *select):
        self.planned = session.plan(select=select)

    def apply(self, session):
        result = session.apply(self.planned or session.plan(), on_event=lambda _: None)
        self.planned = None
        failed = [e for e in result.failed if isinstance(e, Failed)]
        if failed:
            raise Said([Diagnostic(e.code, e.message, e.span, help=e.help) for e in failed])

    def save(self, session, name):
        session.save(session.plan(), self.root / name)

    def load(self, session, name):
        session.load(self.root / name)

    def edit(self, session, name, old, arrow, new):
        assert arrow == "->"
        path = self.root / name
        assert old in path.read_text("utf-8")
        path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")

    def run(self, session, address):
        session.run(address, on_event=lambda _: None)

    def backfill(self, session, address):
        session.backfill(address, on_event=lambda _: None)

    def show(self, session, address):
        session.show(address)

    def query(self, session, what, *keys):
        session.query(what, keys=dict(k.split("=") for k in keys))


def said(page: Page, root: Path) -> tuple[str, set[str]]:
    for name, text in page.files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    run = Run(root)
    for line in page.steps:
        try:
            run.step(line)
        except Said as end:
            return as_text(end.found, Sources(root), Look()) + "\n", {d.code for d in end.found}
    return "", set()


@pytest.mark.parametrize("path", [p for p in PAGES if p.stem not in TOLD_ONLY], ids=lambda p: p.stem)
def test_a_page_says_what_is_said(path, tmp_path, request):
    page = Page.read(path)
    text, codes = said(page, tmp_path)
    if request.config.getoption("--update-golden"):
        whole = re.sub(
            r"^```text\n.*?^```$",
            lambda _: f"```text\n{text}```",
            path.read_text("utf-8"),
            flags=re.MULTILINE | re.DOTALL,
        )
        path.write_text(whole, "utf-8")
        page.expected = text
    assert text == page.expected
    assert codes == {path.stem}


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_a_page_has_its_parts(path):
    text = path.read_text("utf-8")
    title, _, prose = text.partition("\n\n")
    assert title == f"# {path.stem}"
    assert prose.partition("\n\n")[0].endswith(".")
    assert f"[{path.stem}]" in Page.read(path).expected


def test_every_code_has_a_page_and_every_page_a_code():
    used = codes_in_source()
    assert used - {p.stem for p in PAGES} == set()
    assert {p.stem for p in PAGES} - used == set()
    assert set(TOLD_ONLY) <= used


def codes_in_source() -> set[str]:
    """Every word with a hyphen in it, and what is handed to `Diagnostic`, `problem` and `error` as a code."""
    found: set[str] = set()
    for path in (ROOT / "mlspec").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and "foreign" not in path.parts  # words of other tools
                and re.fullmatch(r"[a-z]+[0-9]*(-[a-z0-9]+)+", node.value)
            ):
                found.add(node.value)
            elif isinstance(node, ast.Call) and node.args and isinstance(first := node.args[0], ast.Constant):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in {"Diagnostic", "problem", "SqlProblem"} or (
                    name in {"error", "warning"} and len(node.args) > 1
                ):
                    found.update(re.findall(r"^[a-z-]+$", str(first.value)))
    return found - NO_CODES
