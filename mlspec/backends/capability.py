"""What a body may need of a backend."""

from enum import StrEnum


class Capability(StrEnum):
    """What a body may need and a backend may lack; the plan refuses what the backend of the environment lacks."""

    CONTAINER = "container"
    RESOURCES = "resources"
    SCHEDULE = "schedule"
    OVERLAP_SKIP = "overlap: skip"
    OVERLAP_QUEUE = "overlap: queue"
    OVERLAP_REPLACE = "overlap: replace"
    OVERLAP_ALLOW = "overlap: allow"
    CATCHUP = "catchup"
    TRIGGERS = "triggers"
    FAN_OUT = "each"
    KEEP_BEST = "keep"
    METRIC_PARAMETERS = "parameters of metrics"
    BACKOFF = "backoff"
    IDLE_TIMEOUT = "idle_timeout"
    STOP_ON_ERROR = "on_error: stop"
    CONTINUE_ON_ERROR = "on_error: continue"
    CACHE_TTL = "cache: {ttl}"
    KUBERNETES_SECRET = "kubernetes_secret"  # noqa: S105 - a capability
    AUTOSCALE = "autoscale"
    REPLICAS = "replicas"
    ROLLOUT = "rollout"
    CANARY = "canary"
    SHADOW = "shadow"
    CLUSTER = "cluster"
    PARTITIONS = "partitions"
    COLLECT = "collect"
    RUNS = "run history"
    ALIAS = "alias"
