"""The way of a model into a container: published with its digest, told by the manifest, fetched, verified and served.

No container is built here: the entry point of the image is run as a process, with the environment that the rendered manifest has.
"""

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import live_project
import pytest
import yaml
from live_project import asked, documents, free_port, of
from small_projects import apply, write_project

from mlspec.backends.port import BackendError, ModelVersion
from mlspec.backends.published import fetch, publish
from mlspec.base.diag import Problems
from mlspec.base.folder import digest_folder
from mlspec.cli.main import main
from mlspec.imaging import write_image
from mlspec.serving.bundle import BundleError
from mlspec.serving.container import assemble
from mlspec.session import Session

pytest.importorskip("joblib", reason="scikit-learn is not installed")


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """A project whose deployment was rendered for a cluster, with its model published to a folder."""
    root = tmp_path_factory.mktemp("container")
    live_project.write_data(root)
    found = documents(8080)
    of(found, "deployment.live").update(image="server:1", probes={"readiness": {"path": "/ready"}})
    of(found, "model.big")["aliases"] = {"champion": "current"}
    target = {"type": "kubernetes", "model_uri": str(root / "published"), "publish": True}
    write_project(root, found, deploy_target=target)
    _, _, done = apply(root)
    assert done.ok, done.failed
    return root


def environment(root, folder, **more):
    """What a pod would be told: the variables of the manifest, and the contract as a folder."""
    manifests = {p.name: yaml.safe_load(p.read_text()) for p in (root / "deploy/dev/live").iterdir()}
    (container,) = manifests["deployment.yaml"]["spec"]["template"]["spec"]["containers"]
    contract = folder / "contract"
    contract.mkdir()
    for name, text in manifests["configmap.yaml"]["data"].items():
        (contract / name).write_text(text)
    said = {e["name"]: e["value"] for e in container["env"]}
    return {**said, "MLSPEC_CONTRACT": str(contract), **more}


@contextlib.contextmanager
def running(env):
    process = subprocess.Popen(
        [sys.executable, "-m", "mlspec.serving.container"], env={**os.environ, **env}, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=120)


def ready(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def test_the_entry_point_serves_what_the_manifest_says(deployed, tmp_path):
    port = free_port()
    env = environment(deployed, tmp_path, MLSPEC_PORT=str(port), MLSPEC_HOST="127.0.0.1")
    with running(env) as process:
        while not ready(port, "/ready"):
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        assert asked(port, spend__doubled=7, spend__gross=3) == 7
        assert ready(port, f"/v2/models/big/versions/{env['MLSPEC_MODEL_VERSION']}/ready")


def test_what_is_not_what_was_published_is_not_served(deployed, tmp_path):
    copy = Path(shutil.copytree(deployed / "published", tmp_path / "published"))
    env = environment(deployed, tmp_path)
    env["MLSPEC_MODEL_URI"] = env["MLSPEC_MODEL_URI"].replace(str(deployed / "published"), str(copy))
    (Path(env["MLSPEC_MODEL_URI"]) / "files/model.json").write_text("{}")
    with pytest.raises(BackendError, match="their digest is another one"):
        assemble(env, tmp_path / "one")
    with pytest.raises(BundleError, match="and not `big` version `ffffffff`"):
        assemble(environment_again(deployed, env, MLSPEC_MODEL_VERSION="f" * 32), tmp_path / "two")
    done = subprocess.run(
        [sys.executable, "-m", "mlspec.serving.container"],
        env={**os.environ, "MLSPEC_MODEL": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "`MLSPEC_MODEL` is not set" in done.stderr
    assert "Traceback" not in done.stderr


def environment_again(root, env, **more):
    said = json.loads((root / "published/big" / env["MLSPEC_MODEL_VERSION"] / "version.json").read_text())
    return {**env, "MLSPEC_MODEL_URI": str(root / "published/big" / said["version"]), **more}


def version_of(root):
    with Session(root) as session:
        found = session.model_version("big", "champion")
        return session.backends.registry.get("big", found["version"])


def test_publishing_twice_writes_once_and_mends_what_is_half(deployed, tmp_path):
    version, uri = version_of(deployed), str(tmp_path / "there")
    assert publish(version, uri)
    assert not publish(version, uri)
    (tmp_path / "there/files/model.json").unlink()
    publish(version, uri)
    assert fetch(f"file://{uri}", tmp_path / "back")["files_digest"] == digest_folder(tmp_path / "back/files")
    for wrong in ("relative", "ftp://x/y"):
        with pytest.raises(BackendError, match="not a place for model versions"):
            publish(version, wrong)
    with pytest.raises(BackendError, match="no model version"):
        fetch(str(tmp_path / "nothing"), tmp_path / "none")


def test_a_version_goes_through_a_store_that_speaks_s3(deployed, tmp_path, monkeypatch):
    pytest.importorskip("obstore", reason="needs the extra `s3`")
    moto = pytest.importorskip("moto.server", reason="needs `moto[s3]`, `flask` and `flask-cors`")
    serving = pytest.importorskip("werkzeug.serving")
    app = moto.DomainDispatcherApplication(moto.create_backend_app)
    server = serving.make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    for name, value in {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    try:
        urllib.request.urlopen(urllib.request.Request(f"{url}/models", method="PUT"))  # noqa: S310 - a server of ours
        version, uri = version_of(deployed), "s3://models/flights/big/1"
        assert publish(version, uri)
        assert not publish(version, uri)
        assert fetch(uri, tmp_path / "back")["version"] == version.version
        with pytest.raises(BackendError, match="no model version"):
            fetch("s3://models/elsewhere", tmp_path / "none")
    finally:
        server.shutdown()


def test_images_are_written_and_never_over_anything(deployed, tmp_path, capsys):
    assert (
        main(
            [
                "-C",
                str(deployed),
                "image",
                "server",
                "--output",
                str(tmp_path / "server"),
                "--base",
                "python@sha256:00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff",
                "--format",
                "json",
            ]
        )
        == 0
    )
    said = json.loads(capsys.readouterr().out)
    assert said["files"] == ["Dockerfile", ".dockerignore", "requirements.txt"]
    text = (tmp_path / "server/Dockerfile").read_text()
    assert "FROM python@sha256:00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff\n" in text
    assert 'ENTRYPOINT ["python", "-m", "mlspec.serving.container"]' in text
    assert "USER 65532:65532" in text
    with pytest.raises(Problems, match="there already"):
        write_image("server", tmp_path / "server", "python:3.12-slim", "mlspec")
    (tmp_path / "step").mkdir()
    (tmp_path / "step/requirements.txt").write_text("polars\n")
    assert write_image("step", tmp_path / "step", "python:3.12-slim", "mlspec") == ("Dockerfile", ".dockerignore")
    assert (tmp_path / "step/requirements.txt").read_text() == "polars\n"
    for wrong in ("python\nRUN rm -rf /", "", 'x"'):
        with pytest.raises(Problems, match="not the name of"):
            write_image("server", tmp_path / "other", wrong, "mlspec")
        with pytest.raises(Problems, match="not the name of"):
            write_image("server", tmp_path / "other", "python:3.12-slim", wrong)


def test_a_version_becomes_an_image_that_a_cluster_can_mount(deployed, tmp_path, capsys):
    version = version_of(deployed)
    assert main(["-C", str(deployed), "image", "model", "big", "champion", "--output", str(tmp_path / "m")]) == 0
    assert f"docker build -t REGISTRY/big:{version.version}" in capsys.readouterr().out
    assert f'dev.mlspec.files-digest="{version.files_digest}"' in (tmp_path / "m/Dockerfile").read_text()
    assert fetch(str(tmp_path / "m"), tmp_path / "back")["version"] == version.version
    assert main(["-C", str(deployed), "image", "model", "big", "champion", "--output", str(tmp_path / "m")]) == 1
    assert main(["-C", str(deployed), "image", "model", "big", "nobody", "--output", str(tmp_path / "n")]) == 1


def test_publishing_needs_a_place_for_files(tmp_path, deployed):
    from test_kubernetes import FULL, make  # noqa: PLC0415 - beside this one

    with pytest.raises(BackendError, match="needs a place that files can be put to"):
        make(tmp_path, model_uri="oci://registry/models", publish=True).apply(
            FULL, ModelVersion("m", "1" * 32, "x", {}, (), (), {}, "")
        )
