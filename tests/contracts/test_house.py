"""How the house is kept, as far as a program can see it."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mlspec.backends.chosen import DEPLOYS, ENGINES, PIPELINES, REGISTRIES, STORES
from mlspec.backends.port import Backend
from mlspec.session import KINDS

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "mlspec").rglob("*.py"))
STRAY = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|(?<![\w.])/(?:root|home|work)/\w+")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_module_is_small_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    assert text.count("\n") <= 400
    assert ast.get_docstring(tree), "the first line says what the module is for"
    assert not STRAY.search(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name


def test_every_kind_is_found_by_its_file_name() -> None:
    assert set(KINDS.names()) == {
        "project", "team", "source", "entity", "feature_view", "feature_set", "dataset", "step", "pipeline", "model", "deployment",
        "monitor", "policy", "moved", "removed", "import",
    }  # fmt: skip
    for name in KINDS.names():
        assert KINDS.get(name).kind_name() == name


@pytest.mark.parametrize("registry", [ENGINES, PIPELINES, DEPLOYS, REGISTRIES, STORES], ids=lambda r: r.group)
def test_every_backend_is_a_file_with_settings(registry: object) -> None:
    names = registry.names()  # type: ignore[attr-defined]
    assert names
    for name in names:
        backend = registry.get(name)  # type: ignore[attr-defined]
        assert issubclass(backend, Backend)
        assert isinstance(backend.Settings, type)


def test_start_up_loads_nothing_heavy() -> None:
    code = "import sys; from mlspec.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass\nprint(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(done.stderr.strip().splitlines()[-1]))
    assert not loaded & {"pydantic", "sqlglot", "duckdb", "yaml", "jinja2", "deepdiff", "cel", "numpy", "pandas"}


def test_an_unchanged_plan_never_loads_deepdiff_or_jinja() -> None:
    code = "import sys; import mlspec.session\nprint(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(ast.literal_eval(done.stdout)) & {
        "deepdiff",
        "jinja2",
        "duckdb",
        "cel",
        "numpy",
        "pandas",
        "sklearn",
    }


def test_the_public_face_is_small() -> None:
    text = (ROOT / "mlspec" / "__init__.py").read_text("utf-8")
    assert text.count("\n") <= 40


def test_versions_agree() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    assert f"[{version}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
