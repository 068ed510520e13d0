"""Model versions in MLflow: a run with files, metrics and parameters for each, aliases that are its own; needs the extra `mlflow`."""

import json
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from mlspec.backends.port import BackendError, Capability, ModelRegistry, ModelVersion, Place
from mlspec.base.folder import NotCopyable, copy_path, digest_folder
from mlspec.base.value import dataclass, replace

_TAG = "mlspec."
_MADE = f"{_TAG}made"
_USED = f"{_TAG}used_by."
_DIGEST = re.compile("[0-9a-f]{16,64}")
_RUN = re.compile("[0-9A-Za-z_-]{1,128}")
_FOLDER = "mlspec"


class Mlflow(ModelRegistry):
    """A version is a registered model version with the tag `mlspec.version`; what mlspec knows of it is in `mlspec.json` of its run.

    Several environments may share a server: `prefix` stands before the names of its models, else their aliases would be one. A tag
    `mlspec.used_by.<project>/<environment>` of a version says who needs it, so that nobody takes away what another one does.
    Files are fetched once, into a folder of the private one that has the name of the run, and verified whenever they are read.
    """

    @dataclass(frozen=True)
    class Settings:
        """`tracking_uri` is a server, or `sqlite:///file.db`; `experiment` holds the runs, `prefix` comes before names of models."""

        tracking_uri: str = ""
        experiment: str = "mlspec"
        prefix: str = ""

    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.ALIAS})

    def __init__(self, settings: Settings, place: Place) -> None:
        super().__init__(settings, place)
        self._made: Any = None

    def get(self, model: str, version: str) -> ModelVersion | None:
        with self._spoken() as client:
            found = self._entry(client, model, version)
            return self._whole(client, found) if found is not None else None

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        """All versions, the newest last; their files are not fetched, and `path` is empty."""
        with self._spoken() as client:
            entries = sorted(self._entries(client, model), key=lambda e: int(e.version))
            newest = {e.tags[f"{_TAG}version"]: e for e in entries}  # who is registered again has two
            return tuple(self._described(client, e) for e in newest.values())

    def register(self, version: ModelVersion, files: Path) -> ModelVersion:
        if (known := self.get(version.model, version.version)) is not None:
            return known
        with self._spoken() as client, tempfile.TemporaryDirectory() as draft:
            folder = Path(draft) / "files"
            try:
                copy_path(files, folder)
            except NotCopyable as error:
                raise BackendError(
                    f"model `{version.model}` cannot be registered: {error}", "hand on plain files"
                ) from None
            kept = replace(version, files_digest=digest_folder(folder), created=version.created or _now(), path="")
            if version.files_digest not in ("", kept.files_digest):
                raise BackendError(f"the files of model `{version.model}` changed while they were being registered")
            self._log(client, kept, folder)
        found = self.get(version.model, version.version)
        if found is None:
            raise BackendError(f"MLflow has registered model `{version.model}` and does not give it back")
        return found

    def adopt(self, model: str) -> None:
        """Tag every version with the environment and the project."""
        with self._spoken() as client:
            for entry in self._entries(client, model):
                if self._user not in entry.tags:
                    client.set_model_version_tag(self._name(model), entry.version, self._user, "true")

    def remove(self, model: str) -> None:
        """Take the tag away, the versions that nobody else needs, and the registered model if it was made here and is empty now."""
        with self._spoken() as client:
            entries = self._entries(client, model)
            for entry in (e for e in entries if self._user in e.tags):
                client.delete_model_version_tag(self._name(model), entry.version, self._user)
                if not any(t.startswith(_USED) and t != self._user for t in entry.tags):
                    client.delete_model_version(self._name(model), entry.version)
            if entries and not client.search_model_versions(f"name='{self._name(model)}'", max_results=1):
                made = client.get_registered_model(self._name(model)).tags
                if _MADE in made:
                    client.delete_registered_model(self._name(model))

    def aliases(self, model: str) -> Mapping[str, str]:
        with self._spoken() as client:
            by_number = {str(e.version): str(e.tags[f"{_TAG}version"]) for e in self._entries(client, model)}
            if not by_number:
                return {}
            named = dict(client.get_registered_model(self._name(model)).aliases)
            return {alias: by_number[str(n)] for alias, n in named.items() if str(n) in by_number}

    def point(self, model: str, alias: str, version: str) -> None:
        with self._spoken() as client:
            entry = self._entry(client, model, version)
            if entry is None:
                raise BackendError(f"model `{model}` has no version `{version[:8]}`", code="unknown-version")
            client.set_registered_model_alias(self._name(model), alias, entry.version)

    def unpoint(self, model: str, alias: str) -> None:
        with self._spoken() as client:
            if self._entries(client, model):
                client.delete_registered_model_alias(self._name(model), alias)

    # -- pieces --------------------------------------------------------------------------------------------------------

    def _name(self, model: str) -> str:
        return f"{self.settings.prefix}{model}"

    @property
    def _user(self) -> str:
        """The tag of a version that says that this environment needs it."""
        return f"{_USED}{self.place.project}/{self.place.environment}"

    def _entries(self, client: Any, model: str) -> list[Any]:
        """What MLflow has of a model and is ours."""
        found, token = [], None
        while True:
            page = client.search_model_versions(f"name='{self._name(model)}'", page_token=token)
            found += [
                e
                for e in page
                if _DIGEST.fullmatch(e.tags.get(f"{_TAG}version", "")) and _RUN.fullmatch(e.run_id or "")
            ]
            token = page.token
            if not token:
                return found

    def _entry(self, client: Any, model: str, version: str) -> Any:
        found = [e for e in self._entries(client, model) if e.tags[f"{_TAG}version"] == version]
        return max(found, key=lambda e: int(e.version), default=None)

    def _log(self, client: Any, version: ModelVersion, folder: Path) -> None:
        """A run with everything, then the version that points to it: who is cut short leaves a run, and no version."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - of the extra `mlflow`

        known = client.get_experiment_by_name(self.settings.experiment)
        experiment = known.experiment_id if known else client.create_experiment(self.settings.experiment)
        run = client.create_run(experiment, run_name=f"{version.model} {version.version[:8]}").info
        for name, value in version.metrics.items():
            client.log_metric(run.run_id, name, value)
        for name, text in version.parameters.items():
            client.log_param(run.run_id, name, text)
        for name, digest in version.lineage.items():
            client.set_tag(run.run_id, f"{_TAG}{name}"[:250].replace(":", "."), digest)
        client.log_dict(run.run_id, _described(version), f"{_FOLDER}/mlspec.json")
        client.log_artifacts(run.run_id, str(folder), f"{_FOLDER}/files")
        client.set_terminated(run.run_id)
        try:
            client.create_registered_model(self._name(version.model), tags={_MADE: "true"})
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"{run.artifact_uri}/{_FOLDER}"
        tags = {f"{_TAG}version": version.version, f"{_TAG}files_digest": version.files_digest, self._user: "true"}
        client.create_model_version(self._name(version.model), source, run.run_id, tags=tags)

    def _described(self, client: Any, entry: Any) -> ModelVersion:
        """What `mlspec.json` of the run says, kept once it was read: a version never changes."""
        kept = self._kept(entry) / "mlspec.json"
        if not kept.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=kept.parent) as draft:
                path = client.download_artifacts(entry.run_id, f"{_FOLDER}/mlspec.json", draft)
                Path(path).replace(kept)
        try:
            said = json.loads(kept.read_text("utf-8"))
            pairs = {name: tuple((n, t) for n, t in said.pop(name)) for name in ("contract", "output")}
            found = ModelVersion(**{**said, **pairs, "model": str(entry.name).removeprefix(self.settings.prefix)})
        except (ValueError, KeyError, TypeError, AttributeError):
            found = None
        if found is None or found.version != entry.tags[f"{_TAG}version"]:
            kept.unlink(missing_ok=True)
            message = f"version {entry.version} of `{entry.name}` in MLflow is damaged: `mlspec.json` of its run is not that of the version"
            raise BackendError(message, f"delete that version in MLflow, or its tag `{_TAG}version`, and apply again")
        return found

    def _kept(self, entry: Any) -> Path:
        """Where a version is kept: by its run, for digests of versions are the same for two models that are trained alike."""
        return self.place.private / "mlflow" / str(entry.run_id)

    def _whole(self, client: Any, entry: Any) -> ModelVersion | None:
        """The version with its files beside it; None where they are not those that were registered."""
        version = self._described(client, entry)
        folder = self._kept(entry) / "files"
        if not _holds(folder, version.files_digest):
            with tempfile.TemporaryDirectory(dir=folder.parent) as draft:
                try:
                    path = Path(client.download_artifacts(entry.run_id, f"{_FOLDER}/files", draft))
                except (OSError, ValueError):
                    return None
                if not _holds(path, version.files_digest):
                    return None
                _put(path, folder, Path(draft) / "damaged")
                if not _holds(folder, version.files_digest):
                    raise BackendError(
                        f"the files of `{version.model}` cannot be put to `{folder}`", "remove that folder"
                    )
        return replace(version, path=str(folder))

    @contextmanager
    def _spoken(self) -> Iterator[Any]:
        """A client of the server; what it says becomes ours. Raises BackendError."""
        try:
            from mlflow import MlflowClient  # noqa: PLC0415 - of the extra `mlflow`
            from mlflow.exceptions import MlflowException  # noqa: PLC0415 - as above
        except ImportError:
            message = "the model registry `mlflow` needs a library that is not installed"
            raise BackendError(message, "pip install 'mlspec[mlflow]'", "missing-package") from None
        if not self.settings.tracking_uri:
            message = "the model registry `mlflow` needs `tracking_uri`"
            raise BackendError(
                message, "a server (`https://mlflow.example.com`), or `sqlite:///mlflow.db`", "invalid-option"
            )
        try:
            self._made = self._made or MlflowClient(self.settings.tracking_uri, self.settings.tracking_uri)
            yield self._made
        except MlflowException as error:
            raise BackendError(f"MLflow refuses it: {' '.join(str(error).split())[:300]}") from None


def _described(version: ModelVersion) -> dict[str, Any]:
    return {
        "model": version.model, "version": version.version, "format": version.format, "metrics": dict(version.metrics),
        "contract": [list(p) for p in version.contract], "output": [list(p) for p in version.output], "lineage": dict(version.lineage),
        "files_digest": version.files_digest, "certificates": dict(version.certificates), "parameters": dict(version.parameters),
        "created": version.created,
    }  # fmt: skip


def _holds(folder: Path, wanted: str) -> bool:
    """Whether a folder is whole."""
    try:
        return folder.is_dir() and digest_folder(folder) == wanted
    except (OSError, NotCopyable):
        return False


def _put(draft: Path, folder: Path, aside: Path) -> None:
    """Move a whole folder to its place, and what is there aside; who comes second leaves what the first one has put there."""
    with suppress(OSError):
        folder.replace(aside)
    with suppress(OSError):
        draft.replace(folder)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
