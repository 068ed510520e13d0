"""What was found out about backends, remembered as long as it must still be true: what is there, what they can do."""

import json
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from mlspec.backends.chosen import Backends
from mlspec.backends.found import Observed, Size
from mlspec.base.digest import digest


class Memory(Protocol):
    """Texts by name; one that is lost is found out again."""

    def fact(self, name: str) -> str | None:
        """The text of a name, if there is one."""

    def note(self, name: str, text: str) -> None:
        """Remember a text by name."""


def observed(backends: Backends, memory: Memory | None) -> Observed:
    """What is in the engine; where it can tell that nothing was written since, what was there then.

    Raises BackendError.
    """
    if memory is None:
        return backends.engine.observe()
    name, stamp = f"observed {_chosen(backends, 'engine')}", _stamp(backends)
    known = memory.fact(name) if stamp else None
    if known is not None and (found := _read(known, stamp)) is not None:
        return found
    now = backends.engine.observe()
    if stamp and _stamp(backends) == stamp:
        sizes = {v: [s.rows, s.bytes, s.partitions] for v, s in now.versions.items()}
        if Observed(now.versions, now.pointers) == now:  # whatever else was found is told by looking again
            memory.note(name, json.dumps({"stamp": stamp, "versions": sizes, "pointers": dict(now.pointers)}))
    return now


def _read(text: str, stamp: str) -> Observed | None:
    try:
        data = json.loads(text)
        if data["stamp"] != stamp:
            return None
        return Observed({v: Size(*numbers) for v, numbers in data["versions"].items()}, data["pointers"])
    except (ValueError, LookupError, TypeError):
        return None


def _stamp(backends: Backends) -> str:
    """The stamp of the engine: `engines/_<name>/stamp.py` takes it, for those that have one; empty for others."""
    choice = backends.choices["engine"]
    module = f"mlspec.backends.engines._{choice.type}.stamp"
    if not choice.type.isidentifier() or find_spec(module.rpartition(".")[0]) is None or find_spec(module) is None:
        return ""
    taken: Any = import_module(module)
    return str(taken.stamp(choice.options, backends.place))


def supported(backends: Backends, memory: Memory | None) -> frozenset[str]:
    """The ids of bodies of which it was found that the backends honour them."""
    text = memory.fact(_supported(backends)) if memory is not None else None
    return frozenset(text.split()) if text else frozenset()


def note_supported(backends: Backends, memory: Memory | None, ids: Iterable[str]) -> None:
    """Remember that the backends honour these bodies; those of other distributions may be others tomorrow."""
    ours = all(type(made).__module__.startswith("mlspec.") for made in backends.made)
    if memory is not None and ours:
        memory.note(_supported(backends), "\n".join(sorted(ids)))


def _supported(backends: Backends) -> str:
    ports = ("engine", "pipeline_target", "deploy_target", "model_registry")
    return f"supported {digest([_chosen(backends, p) for p in ports])}"


def _chosen(backends: Backends, port: str) -> str:
    choice, place = backends.choices[port], backends.place
    return digest(choice.type, dict(choice.options), place.environment, place.project)
