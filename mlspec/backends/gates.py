"""Whether a model version may be registered: its metrics against bounds, some of which follow from another version."""

from collections.abc import Iterable, Iterator, Mapping

from mlspec.backends.port import BackendError, ModelRegistry, ModelVersion
from mlspec.ir.workflow import Gate, Relative

Metrics = Mapping[str, float]


def check_gates(model: str, gates: Iterable[Gate], metrics: Metrics, named: Mapping[str, ModelVersion]) -> None:
    """Raise BackendError listing each gate that is not met, with value and bound; bounds are inclusive.

    `named` are the versions that aliases mean. A bound that follows from one that is not there, or that does not
    have the metric, holds: there is nothing to compare with.
    """
    failed = [problem for gate in gates if (problem := _problem(gate, metrics, named))]
    if failed:
        raise BackendError(
            f"model `{model}` does not pass its gates: {'; '.join(failed)}",
            "train a better model, or change the gates of the model and let its reviewers see that",
            "gate-failed",
        )


def compared(model: str, gates: Iterable[Gate], registry: ModelRegistry) -> dict[str, ModelVersion]:
    """The versions, by alias, that gates compare with: what the files pin it to, else what it means now."""
    wanted = {r.alias: r.pinned for g in gates for r in g.relative}
    means = registry.aliases(model) if not all(wanted.values()) else {}
    there = registry.versions(model) if any(wanted.values()) else ()
    found = {}
    for alias, pinned in sorted(wanted.items()):
        if pinned:
            found[alias] = next((v for v in there if v.version.startswith(pinned)), None)
        elif alias in means:
            found[alias] = registry.get(model, means[alias])
    return {alias: version for alias, version in found.items() if version is not None}


def comparisons(gates: Iterable[Gate], metrics: Metrics, named: Mapping[str, ModelVersion]) -> Iterator[str]:
    """What a new version was compared with, in a line each."""
    for gate in gates:
        for one in gate.relative:
            other = named.get(one.alias)
            if other is None:
                yield f"`{gate.metric}`: no version is `{one.alias}` yet, so there is nothing to compare with"
            elif gate.metric not in other.metrics:
                yield f"`{gate.metric}`: `{one.alias}` (version {other.version[:8]}) does not have it, so there is nothing to compare with"
            else:
                value = metrics.get(gate.metric)
                yield f"`{gate.metric}` is {value!r}; `{one.alias}` (version {other.version[:8]}) has {other.metrics[gate.metric]!r}"


def _problem(gate: Gate, metrics: Metrics, named: Mapping[str, ModelVersion]) -> str:
    value = metrics.get(gate.metric)
    if value is None:
        there = ", ".join(f"`{name}`" for name in sorted(metrics)) or "none"
        return f"there is no metric `{gate.metric}` (there are: {there})"
    if gate.minimum is not None and not value >= gate.minimum:  # so that `nan` passes nothing
        return f"`{gate.metric}` is {value!r}, at least {gate.minimum!r} is needed"
    if gate.maximum is not None and not value <= gate.maximum:
        return f"`{gate.metric}` is {value!r}, at most {gate.maximum!r} is allowed"
    return next((p for r in gate.relative if (p := _behind(gate.metric, value, r, named.get(r.alias)))), "")


def _behind(metric: str, value: float, relative: Relative, other: ModelVersion | None) -> str:
    had = other.metrics.get(metric) if other else None
    if other is None or had is None:
        return ""
    bound = had * relative.factor + relative.shift
    if (value >= bound) if relative.bound == "min" else (value <= bound):
        return ""
    need = "at least {} is needed" if relative.bound == "min" else "at most {} is allowed"
    said = need.format(f"{bound:.6g}")
    return f"`{metric}` is {value!r}, {said} (`{relative.words}`: `{relative.alias}`, version {other.version[:8]}, has {had!r})"
