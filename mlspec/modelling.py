"""The verbs about models: their versions, what these are called, and the images that carry them."""

from abc import abstractmethod
from pathlib import Path
from typing import Any

from mlspec import __version__, models
from mlspec.base.address import Address
from mlspec.base.diag import problem
from mlspec.bookkeeping import Bookkeeping
from mlspec.compile.project import Compiled
from mlspec.state.model import State


class Modelling(Bookkeeping):
    """The part of a session that is about models and the way of a version into a container."""

    @property
    @abstractmethod
    def compiled(self) -> Compiled:
        """The project, compiled once."""

    @abstractmethod
    def _address(self, text: str, state: State | None) -> Address: ...

    def models(self) -> list[dict[str, Any]]:
        """Every model, with its aliases and who serves it."""
        state = self.recorded()[0]
        described = {a.name for a in self.compiled.desired.resources if a.kind == "model"}
        recorded = {a.name for a in state.records if a.kind == "model"}
        return models.listing(described | recorded, state, self.backends.registry)

    def model_versions(self, model: str) -> list[dict[str, Any]]:
        """The versions of a model, the newest last. Raises Problems for a name that nobody knows."""
        state = self.recorded()[0]
        return models.versions(self._address(f"model.{model}", state).name, state, self.backends.registry)

    def model_version(self, model: str, version: str) -> dict[str, Any]:
        """One version in full, by digest or alias."""
        state = self.recorded()[0]
        return models.whole(self._address(f"model.{model}", state).name, version, state, self.backends.registry)

    def model_history(self, model: str) -> list[dict[str, Any]]:
        """What was applied of a model and what its aliases meant, run by run."""
        return models.history(self._address(f"model.{model}", self.recorded()[0]).name, self.history())

    @staticmethod
    def image(what: str, folder: Path, base: str, package: str | None) -> tuple[str, ...]:
        """Write the Dockerfile of a server or of steps; the paths of what was written."""
        from mlspec.imaging import write_image  # noqa: PLC0415 - start-up time

        extras = "[serve,s3]" if what == "server" else "[s3]"
        return write_image(what, folder, base, package or f"mlspec{extras}=={__version__}")

    def model_image(self, model: str, version: str, folder: Path) -> tuple[tuple[str, ...], str]:
        """Write the files of a model version with a Dockerfile; the paths, and a name for the image."""
        from mlspec.imaging import write_model_image  # noqa: PLC0415 - start-up time

        found = self.model_version(model, version)
        chosen = self.backends.registry.get(model, str(found["version"]))
        if chosen is None:
            raise problem(
                "unknown-version", f"the files of version {version} of model `{model}` are not whole any more"
            )
        return write_model_image(chosen, folder), f"{model.replace('_', '-')}:{chosen.version}"
