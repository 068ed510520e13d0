"""Config-as-code for machine-learning teams: typed YAML, a plan that says what a change means, and apply."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "Address": "mlspec.base.address",
    "BackendError": "mlspec.backends.port",
    "Diagnostic": "mlspec.base.diag",
    "Plan": "mlspec.plan.change",
    "Problems": "mlspec.base.diag",
    "Session": "mlspec.session",
    "State": "mlspec.state.model",
    "get_features": "mlspec.offline",
}
__all__ = ["__version__", *sorted(_PUBLIC)]  # noqa: PLE0604 - the names above


def __getattr__(name: str) -> Any:
    # Loaded when first used: the command line starts without pydantic and sqlglot.
    if name not in _PUBLIC:
        raise AttributeError(f"mlspec has no `{name}`")
    return getattr(import_module(_PUBLIC[name]), name)
