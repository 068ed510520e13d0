"""Model versions where clusters find them: `files/` and, written last, a `version.json` with their digest.

The places are folders (a path, or `file://`) and stores that speak S3 (`s3://bucket/prefix`).
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlspec.backends.error import BackendError
from mlspec.backends.port import ModelVersion
from mlspec.base.folder import NotCopyable, copy_path, digest_folder, write_text

FORMAT = 1
_ABOUT, _FILES = "version.json", "files"
_KEYS = frozenset({"model", "version", "format", "output", "files_digest"})


def about(version: ModelVersion) -> dict[str, Any]:
    """What is written beside the files of a version: all that is needed to verify and to serve them."""
    return {
        "format_version": FORMAT, "model": version.model, "version": version.version, "format": version.format,
        "contract": [list(p) for p in version.contract], "output": [list(p) for p in version.output], "files_digest": version.files_digest,
        "metrics": dict(version.metrics), "parameters": dict(version.parameters), "lineage": dict(version.lineage),
    }  # fmt: skip


def write_layout(version: ModelVersion, folder: Path) -> None:
    """Write a version into a folder, the description last. Raises BackendError."""
    if _read(folder) == about(version) and _digest(folder / _FILES) == version.files_digest:
        return
    try:
        shutil.rmtree(folder / _FILES, ignore_errors=True)
        copy_path(Path(version.path), folder / _FILES)
    except (OSError, NotCopyable) as error:
        raise BackendError(f"model `{version.model}` cannot be published to `{folder}`: {error}") from None
    write_text(folder / _ABOUT, json.dumps(about(version), indent=2, sort_keys=True) + "\n")


def publish(version: ModelVersion, uri: str) -> bool:
    """Put a version where it will be looked for; there already is done. Says whether anything was written. Raises BackendError."""
    if not uri.startswith("s3://"):
        folder = _folder(uri)
        known = _read(folder) == about(version)
        write_layout(version, folder)
        return not known
    with _store(uri) as (library, store, prefix):
        try:
            there = bytes(library.get(store, f"{prefix}/{_ABOUT}").bytes())
        except FileNotFoundError:
            there = b""
        text = json.dumps(about(version), indent=2, sort_keys=True).encode() + b"\n"
        if there == text:
            return False
        root = Path(version.path)
        for path in sorted(p for p in root.rglob("*") if p.is_file()):
            library.put(store, f"{prefix}/{_FILES}/{path.relative_to(root).as_posix()}", path)
        library.put(store, f"{prefix}/{_ABOUT}", text)
        return True


def fetch(uri: str, target: Path) -> dict[str, Any]:
    """Bring a version into a folder, verified; what stands beside its files. Raises BackendError."""
    if uri.startswith("s3://"):
        _download(uri, target)
    else:
        folder = _folder(uri)
        if _read(folder) is None:
            raise BackendError(f"there is no model version in `{folder}`", f"it has `{_FILES}/` and `{_ABOUT}`")
        shutil.copytree(folder, target)
    said = _read(target)
    if said is None:
        raise BackendError(f"there is no model version at `{uri}`", f"it has `{_FILES}/` and `{_ABOUT}`")
    if _digest(target / _FILES) != said["files_digest"]:
        raise BackendError(f"the files at `{uri}` are not those that were published: their digest is another one")
    return said


def _download(uri: str, target: Path) -> None:
    with _store(uri) as (library, store, prefix):
        target.mkdir(parents=True)
        for page in library.list(store, prefix=prefix):
            for one in page:
                place = target / Path(one["path"]).relative_to(prefix)
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("wb") as file:
                    for chunk in library.get(store, one["path"]).stream():
                        file.write(chunk)


def _folder(uri: str) -> Path:
    path = Path(uri.removeprefix("file://"))
    if "://" in str(path) or not path.is_absolute():
        raise BackendError(
            f"`{uri}` is not a place for model versions", "a folder (`/models`), or `s3://bucket/prefix`"
        )
    return path


def _read(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / _ABOUT).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.keys() >= _KEYS else None


def _digest(folder: Path) -> str:
    try:
        return digest_folder(folder) if folder.is_dir() else ""
    except (OSError, NotCopyable):
        return ""


@contextmanager
def _store(uri: str) -> Iterator[tuple[Any, Any, str]]:
    """The library of object stores, the store, and the prefix in it; credentials come from the environment."""
    try:
        import obstore  # noqa: PLC0415 - of the extra `s3`
        from obstore import exceptions  # noqa: PLC0415 - as above
        from obstore.store import from_url  # noqa: PLC0415 - as above
    except ImportError:
        raise BackendError(f"`{uri}` needs a library that is not installed", "pip install 'mlspec[s3]'") from None
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    options: Any = {"allow_http": True, "connect_timeout": "10s", "timeout": "300s"}
    try:
        yield obstore, from_url(f"s3://{bucket}", client_options=options), prefix.strip("/")
    except FileNotFoundError as error:
        raise BackendError(f"`{uri}` is not whole: {error}") from None
    except exceptions.BaseError as error:
        raise BackendError(
            f"`{uri}` cannot be used: {str(error).splitlines()[0]}", "look at bucket, endpoint, region and keys"
        ) from None
