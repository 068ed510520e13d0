"""Deploys to KServe: an InferenceService around the image of the deployment, rendered, or applied to the cluster itself."""

from collections.abc import Callable
from typing import Any, ClassVar

from mlspec.backends.deploys._kubernetes.inference import Inference, settled
from mlspec.backends.deploys._kubernetes.objects import Objects
from mlspec.backends.deploys.kubernetes import Kubernetes
from mlspec.backends.port import BackendError, Capability, Place
from mlspec.base.value import dataclass
from mlspec.ir.service import Service


class Kserve(Kubernetes):
    """InferenceService, ConfigMap and ServiceAccount; the options are those of `kubernetes`, and `routing`."""

    @dataclass(frozen=True)
    class Settings(Kubernetes.Settings):
        """`routing` is KServe's deployment mode: `knative`, or `standard` (raw deployments)."""

        routing: str = "standard"

    capabilities: ClassVar[frozenset[Capability]] = Kubernetes.capabilities | {Capability.CANARY}

    def __init__(self, settings: Settings, place: Place) -> None:
        super().__init__(settings, place)
        if settings.routing not in {"knative", "standard"}:
            message = f"`routing: {settings.routing}` is not known"
            raise BackendError(
                message, "`knative` or `standard`: the mode in which KServe runs there", "invalid-option"
            )
        if self.note:
            self.note = self.note.replace("`kubernetes`", "`kserve`")

    def _objects(self, service: Service) -> Objects:
        settings = self.settings
        return Inference(service, self._naming(), settings.image, settings.model_uri, settings.routing)

    @property
    def _settled(self) -> Callable[[dict[str, Any]], str | None]:
        return settled
