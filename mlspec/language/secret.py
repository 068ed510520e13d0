"""A reference to a secret; its value never stands in a file, a plan, the state or a message."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from mlspec.ir.workflow import Secret
from mlspec.language.spec import Part
from mlspec.language.words import Shaped, wrong

# neither says what was written: it may be the secret
_VARIABLE = Shaped(
    r"^[A-Za-z_][A-Za-z0-9_]*$", "`env` is the name of an environment variable, as in `env: DB_PASSWORD`"
)
_KEY = Shaped(
    r"^[a-z0-9][a-z0-9.-]*/[A-Za-z0-9._-]+$",
    "`kubernetes` is the name of a Kubernetes secret and a key in it: `name/key`, as in `kubernetes: database/password`",
)


class SecretSpec(Part):
    """A reference to a secret: an environment variable, or `name/key` of a Kubernetes secret."""

    env: Annotated[str, _VARIABLE] | None = None
    kubernetes: Annotated[str, _KEY] | None = None

    def lower(self) -> Secret:
        """As backends see it. Raises PydanticCustomError unless it is one of the two."""
        return Secret("env", self.env) if self.env else Secret("kubernetes", self.kubernetes or "")


def _secret(value: Any) -> Any:
    if isinstance(value, dict) and len(value) != 1:
        raise wrong("invalid-secret", "a secret is one of `env: NAME` and `kubernetes: name/key`")
    return value


SecretRef = Annotated[SecretSpec, BeforeValidator(_secret)]
