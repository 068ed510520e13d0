"""What targets that start containers share: their options, how a container starts the step wrapper, what it sees."""

import math
from collections.abc import Iterator
from typing import Any

from mlspec.backends import cluster
from mlspec.backends.pipelines._rendered.tasks import Planned
from mlspec.backends.pipelines._step.wire import inert_text
from mlspec.backends.port import BackendError
from mlspec.base.value import dataclass
from mlspec.ir.workflow import CommandStep, RegisterStep, Step

Json = dict[str, Any]
_GRACE = 60
"""Seconds that the cluster waits longer than the step wrapper, which ends a step that takes too long and says so."""
_CACHE = "/var/cache/mlspec"


@dataclass(frozen=True)
class ContainerSettings:
    """`path` is the folder of the project into which files are rendered.

    `image` is for steps that name none, and for those that write a dataset or register a model: these need mlspec and the project in it,
    the latter in the folder `project` (else the working directory of the image). `command` starts the step wrapper in every image.
    `cache_claim` names a PersistentVolumeClaim that keeps outputs of steps from run to run, at `cache` in each container.
    """

    path: str = "pipelines"
    image: str = ""
    project: str = ""
    command: tuple[str, ...] = ("python3", "-m", "mlspec.step")
    cache_claim: str = ""
    cache: str = ""

    @property
    def cache_folder(self) -> str:
        """Where outputs are kept; empty where they are not."""
        return self.cache or (_CACHE if self.cache_claim else "")


def image_of(step: Step, settings: ContainerSettings) -> str:
    """The image of a step. Raises BackendError where there is none, or one that cannot be."""
    own = step.image if isinstance(step, CommandStep) else ""
    image = own or settings.image
    if not image:
        what = "registers a model" if isinstance(step, RegisterStep) else "writes a dataset"
        where = "the step or in " if isinstance(step, CommandStep) else ""
        why = "" if isinstance(step, CommandStep) else f": it {what}, which needs an image with mlspec and the project"
        raise BackendError(
            f"step `{step.name}` has no image{why}", f"set `image` in {where}the target's options", "no-image",
            ("steps", step.name),
        )  # fmt: skip
    if why := cluster.unfit_image(image):
        at = ("steps", step.name, "image") if own else ("steps", step.name)
        help_ = "as in `ghcr.io/acme/train:1.4`" if own else "it is `image` in the target's options"
        raise BackendError(f"`{image}` is not the name of an image: {why}", help_, "no-image", at)
    return image


def container_problems(step: Step, settings: ContainerSettings) -> None:
    """Raise BackendError for what a container cannot be given."""
    image_of(step, settings)
    secret_variables(step)
    resources_of(step)


def secret_variables(step: Step) -> list[Json]:
    """The variables of a container that come from Secrets of the cluster, under the names that the step has for them."""
    return cluster.variables((), step.secrets) if isinstance(step, CommandStep) else []


def resources_of(step: Step) -> Json:
    """Requests and limits of a container."""
    return cluster.container_resources(step.resources) if isinstance(step, CommandStep) else {}


def deadline(step: Step) -> int:
    """Seconds after which the cluster ends an attempt; 0 is never."""
    return math.ceil(step.timeout) + _GRACE if isinstance(step, CommandStep) and step.timeout else 0


def common_options(one: Planned, settings: ContainerSettings) -> Iterator[str]:
    """The options of the step wrapper that do not depend on where inputs and outputs are."""
    yield "--inherit=*"  # an image says itself what its programs need
    if settings.project:
        yield f"--project={checked(settings.project, 'project')}"
    if caches(one, settings):
        yield f"--cache={checked(settings.cache_folder, 'cache')}"


def caches(one: Planned, settings: ContainerSettings) -> bool:
    """Whether the outputs of a task are kept from run to run."""
    step = one.step
    return bool(
        settings.cache_folder and isinstance(step, CommandStep) and step.cache and step.outputs and not one.gathers
    )


def wrapper(settings: ContainerSettings) -> list[str]:
    """The command that starts the step wrapper in an image."""
    return [checked(part, "command") for part in settings.command]


def checked(text: str, option: str) -> str:
    """An option of the target as it goes into a manifest. Raises BackendError for what a template would read."""
    if any(sign in text for sign in ("{{", "{%", "{#", "$(", "\0")):
        raise BackendError(f"`{option}: {text}` holds what a template reads", "choose a plainer one", "invalid-option")
    return text


def parameter_text(value: Any) -> str:
    """A parameter as text that nothing takes for a template: as it is, or as JSON with escapes where it could be."""
    if not isinstance(value, str):
        return inert_text(value)
    plain = (
        not any(sign in value for sign in '{}$%#`"\\')
        and value.isprintable()
        and value == value.strip()
        and value != ""
    )
    return value if plain and not value.startswith("@") else inert_text(value)
