"""Serves a model version in a container: `python -m mlspec.serving.container`, told what to serve by its environment.

`MLSPEC_MODEL` and `MLSPEC_MODEL_VERSION` say which version, `MLSPEC_MODEL_URI` where it is (a folder, or `s3://bucket/prefix`), and
`MLSPEC_CONTRACT` names the folder with the feature contract. What is fetched is verified by its digest before it is loaded.
"""

import json
import logging
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlspec.backends.port import BackendError
from mlspec.backends.published import fetch
from mlspec.serving.bundle import BundleError
from mlspec.serving.server import serve

_log = logging.getLogger("mlspec.serving")
_ANYWHERE = "0.0.0.0"  # noqa: S104 - a container has an address of its own, and a network policy


def assemble(env: Mapping[str, str], folder: Path) -> Path:
    """Make a bundle of what the environment says. Raises BundleError and BackendError."""
    model, version, uri = (_needed(env, n) for n in ("MLSPEC_MODEL", "MLSPEC_MODEL_VERSION", "MLSPEC_MODEL_URI"))
    about = fetch(uri, folder / "model")
    if about["model"] != model or not str(about["version"]).startswith(version):
        told = f"model `{about['model']}` version `{about['version'][:8]}`"
        raise BundleError(f"`{uri}` holds {told}, and not `{model}` version `{version[:8]}`")
    contract = Path(_needed(env, "MLSPEC_CONTRACT"))
    service = {
        "model": model,
        "version": version,
        "port": int(env.get("MLSPEC_PORT", "8080")),
        "contract": _fields(contract / "contract.json", "fields"),
        "request": _fields(contract / "request.json", "fields"),
        "computed": _fields(contract / "computed.json", "features"),
        "liveness": _path(env.get("MLSPEC_LIVE_PATH", "")),
        "readiness": _path(env.get("MLSPEC_READY_PATH", "")),
    }
    output = [{"name": name, "type": kind} for name, kind in about["output"]]
    files = {"format": about["format"], "files": str(folder / "model" / "files"), "output": output}
    (folder / "service.json").write_text(json.dumps(service), "utf-8")
    (folder / "version.json").write_text(json.dumps(files), "utf-8")
    return folder


def _needed(env: Mapping[str, str], name: str) -> str:
    if not env.get(name):
        raise BundleError(
            f"the variable `{name}` is not set: the deployment says which model version is served, and where it is"
        )
    return env[name]


def _fields(path: Path, key: str) -> Any:
    """What a file of the contract lists; nothing where a deployment needs none."""
    try:
        return json.loads(path.read_text("utf-8"))[key] if path.is_file() else []
    except (OSError, ValueError, KeyError) as error:
        raise BundleError(f"`{path}` cannot be read: {error!r}") from None


def _path(text: str) -> dict[str, str] | None:
    return {"path": text} if text else None


def main() -> int:
    """Fetch, verify, load and answer; 1 after saying what stands against it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    with tempfile.TemporaryDirectory(prefix="mlspec-") as folder:
        try:
            serve(assemble(os.environ, Path(folder)), host=os.environ.get("MLSPEC_HOST", _ANYWHERE))
        except (BundleError, BackendError) as error:
            _log.error("%s", error)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
