"""The registry in MLflow, against the real library: `MLSPEC_MLFLOW` is a Python that has it (it wants libraries of its own).

python3 -m venv mlflow && mlflow/bin/pip install '.[mlflow]'
MLSPEC_MLFLOW=mlflow/bin/python pytest tests/outside/test_mlflow.py
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
import smallest
import yaml

REPOSITORY = Path(__file__).parents[2]
PYTHON = os.environ.get("MLSPEC_MLFLOW", "")
pytestmark = pytest.mark.skipif(not PYTHON, reason="MLFLOW IS ABSENT: MLSPEC_MLFLOW names no Python that has it")

CONTRACT = """
import json, sys
from pathlib import Path
from mlspec.backends.port import BackendError, ModelVersion, Place
from mlspec.backends.registries.mlflow import Mlflow

root = Path(sys.argv[1])
uri = f"sqlite:///{root}/mlflow.db"
def opened(environment="dev", private=".mlspec", **settings):
    return Mlflow(Mlflow.Settings(tracking_uri=uri, **settings), Place(root, root / private, environment, "p"))
registry, files = opened(), root / "model"
(files / "deep").mkdir(parents=True)
(files / "model.bin").write_bytes(b"\\0\\1")
(files / "deep" / "words.txt").write_text("a")
ONE, TWO = "1" * 32, "2" * 32
version = ModelVersion("delay", ONE, "sklearn", {"auc": 0.75}, (("d", "int64"),), (("p", "float64"),), {"dataset.d": "abc", "code:a/b.py": "1"}, "", parameters={"depth": "4"})
assert registry.get("delay", ONE) is None and registry.versions("delay") == () and dict(registry.aliases("delay")) == {}
kept = registry.register(version, files)
assert (kept.metrics, kept.contract, kept.lineage, kept.parameters) == (version.metrics, version.contract, version.lineage, version.parameters)
assert (Path(kept.path) / "deep/words.txt").read_text() == "a" and kept.created
(files / "model.bin").write_bytes(b"other")
assert registry.register(version, files) == kept, "a version never changes"
assert opened().get("delay", ONE) == kept
fresh = opened(private="other").get("delay", ONE)
assert fresh.files_digest == kept.files_digest and (Path(fresh.path) / "model.bin").read_bytes() == b"\\0\\1"
(Path(kept.path) / "model.bin").write_bytes(b"tampered")
assert opened().get("delay", ONE) == kept and (Path(kept.path) / "model.bin").read_bytes() == b"\\0\\1", "fetched again"
second = registry.register(ModelVersion("delay", TWO, "sklearn", {"auc": 0.8}, (), (), {}, ""), files)
assert [v.version for v in registry.versions("delay")] == [ONE, TWO]
registry.point("delay", "champion", ONE); registry.point("delay", "champion", ONE); registry.point("delay", "new", TWO)
assert dict(registry.aliases("delay")) == {"champion": ONE, "new": TWO}
registry.point("delay", "champion", TWO); registry.unpoint("delay", "new"); registry.unpoint("delay", "new")
assert dict(registry.aliases("delay")) == {"champion": TWO}
try:
    registry.point("delay", "champion", "3" * 32)
except BackendError as error:
    assert error.code == "unknown-version"
else:
    raise AssertionError
prod = opened("prod", prefix="prod.")
assert prod.versions("delay") == ()
prod.register(version, files); prod.point("delay", "champion", ONE)
assert (dict(prod.aliases("delay")), dict(registry.aliases("delay"))) == ({"champion": ONE}, {"champion": TWO})
assert prod.get("delay", ONE).model == "delay"
registry.remove("delay"); registry.remove("delay")
assert registry.versions("delay") == () and prod.get("delay", ONE) is not None
for wrong in (Mlflow.Settings(), Mlflow.Settings(tracking_uri="ftp://nowhere")):
    try:
        Mlflow(wrong, Place(root, root / "w", "dev", "p")).versions("delay")
    except BackendError as error:
        print(error)
    else:
        raise AssertionError(wrong)
"""


def python(folder, *words, code=0):
    done = subprocess.run(
        [PYTHON, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_it_keeps_what_every_registry_promises(tmp_path):
    said = python(tmp_path, "-c", CONTRACT, str(tmp_path))
    assert "`tracking_uri`" in said


def test_a_project_trains_into_it_and_its_aliases_are_mlflows_own(tmp_path):
    found = smallest.documents("deployment")
    model = next(d for d in found if d["kind"] == "model")
    model |= {"aliases": {"champion": "current"}, "gates": {"auc": {"min": [0.5, "champion - 0.01"]}}}
    next(d for d in found if d["kind"] == "deployment")["model"] = "big@champion"
    smallest.write_data(tmp_path)
    registry = {"type": "mlflow", "tracking_uri": f"sqlite:///{tmp_path}/mlflow.db", "prefix": "dev."}
    smallest.write_blocks(tmp_path, found, deploy_target="kubernetes", model_registry=registry)
    python(tmp_path, "-m", "mlspec", "apply", "--auto-approve")
    python(tmp_path, "-m", "mlspec", "plan", "--detailed-exitcode")
    (one,) = json.loads(python(tmp_path, "-m", "mlspec", "models", "list", "--format", "json"))["models"]
    version = one["aliases"]["champion"]
    assert version == one["applied"]
    manifest = next(tmp_path.glob("deploy/dev/*/deployment.yaml"))
    annotations = yaml.safe_load(manifest.read_text())["metadata"]["annotations"]
    assert annotations["mlspec.dev/model-version"] == version
    moved = f"from mlflow import MlflowClient as C; c = C('sqlite:///{tmp_path}/mlflow.db'); c.delete_registered_model_alias('dev.big', 'champion')"
    python(tmp_path, "-c", moved)
    assert "model.big/champion" in python(tmp_path, "-m", "mlspec", "plan", "--detailed-exitcode", code=2)
    python(tmp_path, "-m", "mlspec", "apply", "--auto-approve")
    python(tmp_path, "-m", "mlspec", "destroy", "--auto-approve")
