"""The value of a secret, looked up when it is used, and never kept."""

import os

from mlspec.backends.port import BackendError
from mlspec.ir.workflow import Secret


def secret_value(secret: Secret) -> str:
    """The value of the environment variable that is meant. Raises BackendError."""
    found = os.environ.get(secret.key)
    if found is None:
        raise BackendError(
            f"the environment variable `{secret.key}` is not set", "it holds a secret of a source", "secret-missing"
        )
    return found
