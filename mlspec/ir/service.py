"""A service: a model version that answers requests, and how it is kept running."""

from dataclasses import dataclass

from mlspec.ir.workflow import NO_RESOURCES, Resources, Secret, Used


@dataclass(frozen=True, slots=True)
class Probe:
    """An HTTP question that tells whether the service is well; times in seconds."""

    path: str
    initial_delay: int = 0
    period: int = 10
    timeout: int = 1
    failures: int = 3


@dataclass(frozen=True, slots=True)
class Rollout:
    """How a new version takes over. `canary` are percentages of traffic in steps, `shadow` one that only listens."""

    strategy: str = "rolling"
    max_unavailable: str = "0"
    max_surge: str = "1"
    canary: tuple[int, ...] = ()
    shadow: int = 0


@dataclass(frozen=True, slots=True)
class Autoscale:
    """Bounds of the number of replicas, and the CPU utilisation (percent of the request) to keep."""

    minimum: int
    maximum: int
    target_cpu: int


@dataclass(frozen=True, slots=True)
class Computed:
    """A feature of the contract that is computed from the request: a canonical expression over some of its fields.

    `inputs` pairs these with their types. It is the expression by which training data is computed, too.
    """

    name: str
    type: str
    expression: str
    inputs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Service:
    """`model` and `version` name the model version by digest; `contract` pairs each feature with its type, in order.

    `request` pairs each field of a request with its type. `autoscale` excludes `replicas`.
    """

    name: str
    model: str
    version: str
    image: str = ""
    port: int = 8080
    replicas: int = 1
    autoscale: Autoscale | None = None
    resources: Resources = NO_RESOURCES
    rollout: Rollout = Rollout()
    liveness: Probe | None = None
    readiness: Probe | None = None
    env: tuple[tuple[str, str], ...] = ()
    secrets: tuple[tuple[str, Secret], ...] = ()
    contract: tuple[tuple[str, str], ...] = ()
    request: tuple[tuple[str, str], ...] = ()
    computed: tuple[Computed, ...] = ()
    used: tuple[Used, ...] = ()
    """The features of the contract, column by column; the version covers them."""
    pinned: bool = False
    """Whether the version was given by its digest: what it reads then follows from it, not from the files."""
    labels: tuple[tuple[str, str], ...] = ()
