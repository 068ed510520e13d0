"""Model versions as folders of files: one per version, put there in one step, verified when they are read."""

import fcntl
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from mlspec.backends.found import Unused
from mlspec.backends.port import BackendError, Capability, ModelRegistry, ModelVersion, Place
from mlspec.base.folder import NotCopyable, copy_path, digest_folder, sync_folder, write_text
from mlspec.base.value import dataclass, replace

FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_FIELDS = {
    "format_version",
    "sequence",
    "model",
    "version",
    "format",
    "metrics",
    "contract",
    "output",
    "lineage",
    "files_digest",
}
_ABANDONED = 24 * 3600.0
_USED = ".used"
_ALIASES = ".aliases"


class File(ModelRegistry):
    """`<path>/<model>/<first 16 digits of the version>/` holds `files/` and `version.json`."""

    @dataclass(frozen=True)
    class Settings:
        """`path` is the folder of the registry; a relative one lies in the project and may not leave it."""

        path: str = ".mlspec/models"

    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.COLLECT, Capability.ALIAS})

    def __init__(self, settings: Settings, place: Place) -> None:
        super().__init__(settings, place)
        self.path = _inside(place.root, settings.path)

    def get(self, model: str, version: str) -> ModelVersion | None:
        """Find the version, if it is there and its files still have the digest with which they were registered."""
        folder = self._folder(model, version)
        record = _read(folder)
        if record is None or record["version"] != version or not _whole(folder, record):
            return None
        return _version(record, folder)

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        """All versions in the order in which they were registered; their files are not verified here."""
        return tuple(_version(record, folder) for record, folder in self._records(model))

    def register(self, version: ModelVersion, files: Path) -> ModelVersion:
        """Copy the files in and keep the version; who comes second with the same version gets the first one's."""
        if (known := self.get(version.model, version.version)) is not None:
            return known
        folder = self._folder(version.model, version.version)
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))
        try:
            kept = replace(version, files_digest=_copy(version, files, draft / "files"))
            with self._locked():
                return self.get(version.model, version.version) or self._keep(kept, draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def adopt(self, model: str) -> None:
        """Keep the name of the environment beside the versions, in `.used`, with the projects that have one of this name."""
        note = self.path / _name(model) / _USED / _name(self.place.environment)
        with self._locked():
            note.parent.mkdir(parents=True, exist_ok=True)
            projects = _projects(note)
            if self.place.project not in projects or not note.exists():
                write_text(note, "".join(f"{name}\n" for name in sorted({*projects, self.place.project})))

    def remove(self, model: str) -> None:
        """Forget a model and all its versions, when no other environment uses it; gone already is done."""
        folder = self.path / _name(model)
        note = folder / _USED / _name(self.place.environment)
        with self._locked():
            others = sorted(_projects(note) - {self.place.project})
            if others:
                write_text(note, "".join(f"{name}\n" for name in others))
            else:
                note.unlink(missing_ok=True)
            self._write_aliases(model, {})
            if folder.is_dir() and not any((folder / _USED).glob("*")):
                shutil.rmtree(folder)

    def aliases(self, model: str) -> Mapping[str, str]:
        """What this environment of this project calls the versions of a model."""
        return {alias: str(said["version"]) for alias, said in self._named(model).items()}

    def point(self, model: str, alias: str, version: str) -> None:
        """Note it in `.aliases/<environment>.<project>.json`, with the time."""
        with self._locked():
            known = self._named(model)
            if known.get(alias, {}).get("version") != version:
                at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                self._write_aliases(model, known | {_name(alias): {"version": version, "at": at}})

    def unpoint(self, model: str, alias: str) -> None:
        """Take it out of the note, and the note away with the last of them."""
        with self._locked():
            known = self._named(model)
            if known.pop(alias, None) is not None:
                self._write_aliases(model, known)

    def _aliases(self, model: str) -> Path:
        name = f"{_name(self.place.environment)}.{_name(self.place.project)}.json"
        return self.path / _name(model) / _ALIASES / name

    def _named(self, model: str) -> dict[str, dict[str, str]]:
        note = self._aliases(model)
        if not note.is_file():
            return {}
        try:
            return dict(json.loads(note.read_text("utf-8"))["aliases"])
        except (ValueError, KeyError, TypeError):
            raise BackendError(f"`{note}` in the model registry is damaged", "remove it, and apply again") from None

    def _write_aliases(self, model: str, named: Mapping[str, Mapping[str, str]]) -> None:
        note = self._aliases(model)
        if named:
            note.parent.mkdir(parents=True, exist_ok=True)
            write_text(note, json.dumps({"format_version": FORMAT, "aliases": named}, indent=2, sort_keys=True) + "\n")
            return
        note.unlink(missing_ok=True)
        if note.parent.is_dir() and not any(note.parent.iterdir()):
            note.parent.rmdir()

    def collect(
        self, needed: Collection[str], environments: Collection[str], grace: float, *, dry_run: bool
    ) -> tuple[Unused, ...]:
        """Each version is renamed before it is removed: one that is cut short is half a draft, and no version."""
        gone = []
        with self._locked():
            for model in sorted(p.name for p in self.path.iterdir() if p.is_dir()):
                others = self._others(self.path / model / _USED, environments)
                for record, folder in self._records(model):
                    age = time.time() - (folder / "version.json").stat().st_mtime
                    if age < grace or any(record["version"].startswith(n) for n in needed if n):
                        continue
                    kept = f"{others[0]} uses the model too" if others else ""
                    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
                    gone.append(Unused("model", record["version"], f"model.{model}", size, age, kept=kept))
                    if not dry_run and not others:
                        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))
                        folder.rename(draft / "damaged")
                        shutil.rmtree(draft, ignore_errors=True)
        return tuple(gone)

    def _others(self, used: Path, environments: Collection[str]) -> list[str]:
        """Who uses a model beside these environments of this project."""
        found = []
        for note in sorted(used.glob("*")):
            found += [f"project `{p}`" for p in sorted(_projects(note) - {self.place.project})]
            found += [f"environment `{note.name}`"] if note.name not in environments else []
        return found

    def _keep(self, version: ModelVersion, draft: Path, folder: Path) -> ModelVersion:
        damaged = _read(folder)
        if damaged is not None and damaged["version"] != version.version:
            raise BackendError(
                f"two versions of model `{version.model}` begin with `{folder.name}`",
                "remove one of them from the registry",
            )
        version = replace(version, created=version.created or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        sequence = max((record["sequence"] for record, _ in self._records(version.model)), default=0) + 1
        write_text(draft / "version.json", json.dumps(_record(version, sequence), indent=2, allow_nan=False) + "\n")
        sync_folder(draft)
        if folder.exists():  # its files are not whole: what was registered under this name is lost already
            folder.rename(Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent)) / "damaged")
        draft.rename(folder)
        _sync_names(folder.parent)
        _sweep(folder.parent)
        return replace(version, path=str(folder / "files"))

    def _records(self, model: str) -> list[tuple[dict[str, Any], Path]]:
        folder = self.path / _name(model)
        folders = [f for f in folder.iterdir() if not f.name.startswith(".")] if folder.is_dir() else []
        found = [(record, f) for f in folders if (record := _read(f)) is not None]
        return sorted(found, key=lambda pair: (pair[0]["sequence"], pair[1].name))

    def _folder(self, model: str, version: str) -> Path:
        return self.path / _name(model) / _name(version)[:16]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _projects(note: Path) -> set[str]:
    """The projects in a note about an environment; notes of the first release name none."""
    return set(note.read_text("utf-8").split()) if note.is_file() else set()


def _sync_names(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _inside(root: Path, path: str) -> Path:
    """Find the folder of the registry; a relative path that leaves the project is refused."""
    base = root.resolve()
    found = (base / path).resolve()
    if not Path(path).is_absolute() and not found.is_relative_to(base):
        raise BackendError(
            f"the model registry's path `{path}` leaves the project",
            "write a path inside the project, or an absolute one",
        )
    return found


def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise BackendError(f"`{text}` cannot name a model or a version")
    return text


def _copy(version: ModelVersion, files: Path, target: Path) -> str:
    try:
        copy_path(files, target)
    except NotCopyable as error:
        raise BackendError(f"model `{version.model}` cannot be registered: {error}", "hand on plain files") from error
    found = digest_folder(target)
    if version.files_digest not in ("", found):
        raise BackendError(f"the files of model `{version.model}` changed while they were being registered")
    return found


def _whole(folder: Path, record: Mapping[str, Any]) -> bool:
    try:
        return (folder / "files").is_dir() and digest_folder(folder / "files") == record["files_digest"]
    except (OSError, NotCopyable):
        return False


def _record(version: ModelVersion, sequence: int) -> dict[str, Any]:
    return {
        "format_version": FORMAT,
        "sequence": sequence,
        "created_at": version.created,
        "model": version.model,
        "version": version.version,
        "format": version.format,
        "metrics": dict(version.metrics),
        "contract": [list(pair) for pair in version.contract],
        "output": [list(pair) for pair in version.output],
        "lineage": dict(version.lineage),
        "certificates": dict(version.certificates),
        "parameters": dict(version.parameters),
        "files_digest": version.files_digest,
    }


def _read(folder: Path) -> dict[str, Any] | None:
    """Read `version.json`; None where there is none or it is not whole."""
    try:
        record = json.loads((folder / "version.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    known = isinstance(record, dict) and _FIELDS.issubset(record) and isinstance(record["sequence"], int)
    if known and record["format_version"] != FORMAT:
        raise BackendError(
            f"`{folder.parent.name}/{folder.name}` in the model registry has format {record['format_version']}",
            f"this mlspec reads format {FORMAT}; use the one that wrote it",
        )
    return record if known else None


def _version(record: Mapping[str, Any], folder: Path) -> ModelVersion:
    return ModelVersion(
        model=record["model"],
        version=record["version"],
        format=record["format"],
        metrics=dict(record["metrics"]),
        contract=tuple((name, kind) for name, kind in record["contract"]),
        output=tuple((name, kind) for name, kind in record["output"]),
        lineage=dict(record["lineage"]),
        files_digest=record["files_digest"],
        path=str(folder / "files"),
        certificates=dict(record.get("certificates", {})),  # versions of the first release have none
        parameters=dict(record.get("parameters", {})),  # as above
        created=str(record.get("created_at", "")),
    )


def _sweep(folder: Path) -> None:
    """Take away what a killed process left behind a day ago or earlier."""
    for draft in folder.glob(".draft-*"):
        if time.time() - draft.stat().st_mtime > _ABANDONED or (draft / "damaged").is_dir():
            shutil.rmtree(draft, ignore_errors=True)
