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
from mlflow import MlflowClient
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
client = MlflowClient(uri, uri)
prod = opened("prod", prefix="prod.")
assert prod.versions("delay") == ()
prod.register(version, files); prod.point("delay", "champion", ONE)
assert (dict(prod.aliases("delay")), dict(registry.aliases("delay"))) == ({"champion": ONE}, {"champion": TWO})
assert prod.get("delay", ONE).model == "delay"
registry.remove("delay"); registry.remove("delay")
assert not [m for m in client.search_registered_models() if m.name == "delay"], "the last one takes the model away, too"
assert registry.versions("delay") == () and prod.get("delay", ONE) is not None
for wrong in (Mlflow.Settings(), Mlflow.Settings(tracking_uri="ftp://nowhere")):
    try:
        Mlflow(wrong, Place(root, root / "w", "dev", "p")).versions("delay")
    except BackendError as error:
        print(error)
    else:
        raise AssertionError(wrong)
"""


OTHERS = """
import sys
from pathlib import Path
from mlflow import MlflowClient
from mlspec.backends.port import BackendError, ModelVersion, Place
from mlspec.backends.registries.mlflow import Mlflow

root, ONE, TWO = Path(sys.argv[1]), "1" * 32, "2" * 32
uri = f"sqlite:///{root}/mlflow.db"
client = MlflowClient(uri, uri)
def opened(environment, project="p"):
    return Mlflow(Mlflow.Settings(tracking_uri=uri), Place(root, root / f".{environment}", environment, project))
def files(text):
    (root / text).mkdir(exist_ok=True)
    (root / text / "m").write_text(text)
    return root / text
def made(model, version, auc):
    return ModelVersion(model, version, "custom", {"auc": auc}, (), (), {}, "")
def numbers(model):
    return sorted(int(v.version) for v in client.search_model_versions(f"name='{model}'"))
def refused(call):
    try:
        call()
    except BackendError as error:
        return str(error)
    raise AssertionError
dev, prod, other = opened("dev"), opened("prod"), opened("dev", "q")
a, b = dev.register(made("a", ONE, 0.1), files("one")), dev.register(made("b", ONE, 0.9), files("two"))
assert (a.metrics, b.metrics) == ({"auc": 0.1}, {"auc": 0.9}), "two models whose versions have one digest"
assert [(Path(v.path) / "m").read_text() for v in (dev.get("a", ONE), dev.get("b", ONE))] == ["one", "two"]
assert [v.metrics["auc"] for v in dev.versions("a") + dev.versions("b")] == [0.1, 0.9]

again = client.create_run("0").info  # registered again with other files: what the first run holds is lost
lost = Path(client.get_run(client.get_model_version("b", "1").run_id).info.artifact_uri) / "mlspec/files/m"
lost.write_text("lost"); (Path(b.path) / "m").write_text("lost")
assert dev.get("b", ONE) is None
third = dev.register(made("b", ONE, 0.95), files("three"))
assert (third.metrics["auc"], (Path(third.path) / "m").read_text()) == (0.95, "three")
assert [v.metrics["auc"] for v in dev.versions("b")] == [0.95]

for tag in ("../../..", "", "x" * 32):  # whoever may tag there says no path here
    client.create_model_version("a", "s3://x/y", again.run_id, tags={"mlspec.version": tag})
assert [v.version for v in dev.versions("a")] == [ONE]
client.create_model_version("a", "s3://x/y", again.run_id, tags={"mlspec.version": TWO})
client.log_dict(again.run_id, {"version": "../../.."}, "mlspec/mlspec.json")
assert "version 5 of `a` in MLflow is damaged" in refused(lambda: dev.get("a", TWO))
client.delete_model_version("a", "5")

prod.register(made("a", ONE, 0.1), files("one")); prod.adopt("a"); other.adopt("a")
dev.register(made("a", TWO, 0.2), files("two")); dev.adopt("a")
assert numbers("a") == [1, 2, 3, 4, 6]
dev.remove("a"); dev.remove("a")
assert numbers("a") == [1, 2, 3, 4], "the one that nobody else needs is gone"
assert prod.get("a", ONE).metrics == {"auc": 0.1}
other.remove("a")
assert prod.get("a", ONE) is not None
prod.remove("a")
assert numbers("a") == [2, 3, 4], "versions of others stay, and the model with them"
client.create_registered_model("theirs")
dev.register(made("theirs", ONE, 0.1), files("one")); dev.adopt("theirs"); dev.remove("theirs")
assert numbers("theirs") == [] and client.get_registered_model("theirs")
dev.remove("b")
assert not [m for m in client.search_registered_models() if m.name == "b"]
print("all of it holds")
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


def test_what_belongs_to_others_is_neither_mixed_up_nor_taken_away(tmp_path):
    assert python(tmp_path, "-c", OTHERS, str(tmp_path)).endswith("all of it holds\n")


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
