"""A service: a model version that answers requests, and how it is kept running."""

from mlspec.base.value import dataclass
from mlspec.ir.later import later
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
    hold: int = later(0)
    """Seconds that each step of a canary lasts."""
    abort_if: tuple[str, ...] = later(())
    """Conditions, as `error_rate > 0.01`, under which a canary is given up."""
    deadline: int = later(0)
    """Seconds within which a rollout must get on."""
    shadow_version: str = later("")
    """The version that hears a share of the requests, and whose answers nobody gets."""
    canary_version: str = later("")
    """The version that gets the share of the canary, where it is not this one that takes over from the one before."""


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
class Account:
    """As whom a service runs: an account that is there already (`name`), or its own with annotations."""

    name: str = ""
    annotations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Toleration:
    """A taint of nodes on which the service may run all the same."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


@dataclass(frozen=True, slots=True)
class Disruption:
    """How many replicas may be away when nodes are drained, a number or a share; one of the two is given."""

    max_unavailable: str = ""
    min_available: str = ""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who may send requests: pods by their labels, in a namespace; in the service's own without one."""

    namespace: str = ""
    pods: tuple[tuple[str, str], ...] = ()


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
    startup: Probe | None = later(None)
    account: Account | None = later(None)
    node_selector: tuple[tuple[str, str], ...] = later(())
    tolerations: tuple[Toleration, ...] = later(())
    disruption: Disruption | None = later(None)
    network: tuple[Peer, ...] = later(())
    """Who may send requests; everybody, where nobody is named."""
