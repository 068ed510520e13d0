"""What a Kubernetes cluster accepts: names, labels, quantities, variables; checked before anything is rendered."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from mlspec.backends.port import BackendError
from mlspec.base.digest import digest
from mlspec.ir.workflow import Resources, Secret

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DNS_SUBDOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_SECRET_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_QUANTITY = re.compile(
    r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)|[eE]([+-]?[0-9]{1,2}))?"
)
_COUNT = re.compile(r"[0-9]{1,9}%?")
_DECIMAL_POWERS = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY_POWERS = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_IMAGE = re.compile(
    r"(?:(?:[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]+)?/)?"
    r"(?:[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*/)*[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
    r"(?::[A-Za-z0-9_][-A-Za-z0-9_.]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"
)
_OUR_PREFIXES = ("mlspec.dev", "kubernetes.io", "k8s.io")

Json = dict[str, Any]


@contextmanager
def placed(*path: str | int) -> Iterator[None]:
    """Whatever is refused in here is refused at this field of the spec."""
    try:
        yield
    except BackendError as error:
        error.at = error.at or path
        raise


def object_name(name: str, scope: str) -> str:
    """Make a DNS label (63 characters at most) for `name` in `scope`; different pairs give different labels.

    It is `name-scope` with dashes for underscores where that can be read back, else its start and a digest of both.
    """
    plain = f"{name}-{scope}".replace("_", "-")
    if re.fullmatch(r"[a-z][a-z0-9_]*", name) and re.fullmatch(r"[a-z0-9]+", scope) and _DNS_LABEL.fullmatch(plain):
        return plain
    start = re.sub(r"[^a-z0-9]", "-", plain.lower())[:54].strip("-") or "x"
    return f"{start}-{digest(name, scope)[:8]}"


def checked_namespace(name: str) -> str:
    """Check the name of a namespace. Raises BackendError."""
    if not _DNS_LABEL.fullmatch(name):
        raise _refused(f"`{name}` is not a namespace", "small letters, digits and dashes, at most 63 characters")
    return name


def unfit_image(text: str) -> str:
    """Why no container runtime takes this for the name of an image; empty if it does."""
    host, slash, rest = text.partition("/")
    names_host = bool(slash) and (host == "localhost" or any(sign in host for sign in ".:"))
    repository, at, given = (rest if names_host else text).partition("@")
    path, colon, tag = repository.partition(":")
    if text != "".join(text.split()):
        return "it holds white space"
    if path != path.lower():
        return "a repository is written in small letters"
    if (colon and not tag) or (at and not given):
        return f"after `{'@' if at and not given else ':'}` nothing stands"
    return "" if _IMAGE.fullmatch(text) else "it is written `registry/repository:tag` or `registry/repository@sha256:…`"


def label_value(text: str) -> str:
    """Check a value of a label that is made from a name of ours. Raises BackendError."""
    if not _LABEL.fullmatch(text):
        raise _refused(f"`{text}` cannot be the value of a label", _LABEL_HELP)
    return text


def checked_key(key: str, what: str) -> None:
    """Check the name of a label, an annotation or a taint. Raises BackendError."""
    prefix, slash, name = key.rpartition("/")
    if not _LABEL.fullmatch(name) or (slash and not _DNS_SUBDOMAIN.fullmatch(prefix)):
        raise _refused(f"`{key}` cannot be the name of {what}", f"`name` or `prefix/name`; {_LABEL_HELP}")


def checked_labels(labels: Iterable[tuple[str, str]], *, ours: bool = False) -> dict[str, str]:
    """Give the labels of a spec as they go onto an object, or `ours` too where they select one. Raises BackendError."""
    for key, value in labels:
        prefix = key.rpartition("/")[0]
        checked_key(key, "a label")
        if not ours and any(prefix == ours or prefix.endswith(f".{ours}") for ours in _OUR_PREFIXES):
            raise _refused(f"label `{key}` is not yours to set", f"`{prefix}` belongs to the cluster and to mlspec")
        if value and not _LABEL.fullmatch(value):
            raise _refused(f"label `{key}` cannot have the value `{value}`", _LABEL_HELP)
    return dict(sorted(labels))


_LABEL_HELP = "letters, digits, `-`, `_` and `.`, a letter or digit at both ends, at most 63 characters"


def variables(env: Iterable[tuple[str, str]], secrets: Iterable[tuple[str, Secret]]) -> list[Json]:
    """Give the environment of a container, in the order of names. Raises BackendError."""
    found: dict[str, Json] = {name: {"name": name, "value": literal(name, value)} for name, value in env}
    for name, secret in secrets:
        if name in found:
            raise _refused(f"variable `{name}` is set twice", "it is in `env` and in `secrets`: keep one")
        found[name] = {"name": name, "valueFrom": {"secretKeyRef": _secret(name, secret)}}
    for name in found:
        if not _VARIABLE.fullmatch(name):
            raise _refused(f"`{name}` cannot be the name of a variable", "letters, digits, `_`, `-` and `.`")
        if name.startswith("MLSPEC_"):
            raise _refused(
                f"variable `{name}` is not yours to set", "names that start with `MLSPEC_` tell the service what it is"
            )
    return [found[name] for name in sorted(found)]


def literal(name: str, value: str) -> str:
    """Write a value so that the cluster leaves it alone: it expands `$(NAME)` and halves `$$`."""
    if "\0" in value:
        raise _refused(f"variable `{name}` holds a NUL character", "no environment can hold it")
    return value.replace("$", "$$") if "$(" in value or "$$" in value else value


def _secret(name: str, secret: Secret) -> Json:
    if secret.store != "kubernetes":
        message = f"secret `{name}` comes from the {secret.store} of this machine, which a cluster does not have"
        raise _refused(message, f"`{name}: {{kubernetes: name/key}}` names a Secret of the cluster")
    holder, _, key = secret.key.partition("/")
    if not _DNS_SUBDOMAIN.fullmatch(holder) or not _SECRET_KEY.fullmatch(key):
        raise _refused(f"secret `{name}` is not at `{secret.key}`", "write `name/key`: a Secret and a key in it")
    return {"name": holder, "key": key}


def quantity(text: str, field: str) -> Decimal:
    """Say what a quantity (`500m`, `2Gi`) amounts to, in cores or bytes. Raises BackendError."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise _refused(
            f"`{text}` is not a quantity of {field}", "write a number and a unit: `500m`, `2`, `512Mi`, `4Gi`"
        )
    number, unit, power = match.groups()
    if unit in _BINARY_POWERS:
        return Decimal(number) * Decimal(1024) ** _BINARY_POWERS[unit]
    return Decimal(number) * Decimal(10) ** (int(power) if power else _DECIMAL_POWERS.get(unit or "", 0))


def container_resources(resources: Resources) -> Json:
    """Give requests and limits of a container, the limit being the request where none is given. Raises BackendError."""
    if resources.gpu < 0:
        raise _refused(f"{resources.gpu} GPUs cannot be asked for", "0 asks for none")
    requests: Json = {}
    limits: Json = {}
    for field, request, limit in (
        ("cpu", resources.cpu, resources.cpu_limit),
        ("memory", resources.memory, resources.memory_limit),
        ("ephemeral-storage", resources.storage, resources.storage_limit),
    ):
        _check_amounts(field, request, limit)
        if request:
            requests[field] = request
        if limit or request:
            limits[field] = limit or request
    if resources.gpu:
        requests["nvidia.com/gpu"] = limits["nvidia.com/gpu"] = str(resources.gpu)
    return {key: value for key, value in (("requests", requests), ("limits", limits)) if value}


def _check_amounts(field: str, request: str, limit: str) -> None:
    least = Decimal("0.001") if field == "cpu" else Decimal(1024)
    for text in filter(None, (request, limit)):
        if quantity(text, field) < least:
            help_ = (
                "the least is `1m`, a thousandth of a core" if field == "cpu" else "memory is in bytes: `512Mi`, `4Gi`"
            )
            raise _refused(f"`{text}` of {field} is too little for a container", help_)
    if request and limit and quantity(limit, field) < quantity(request, field):
        raise _refused(
            f"the {field} limit `{limit}` is below the request `{request}`", "raise the limit or lower the request"
        )


def one_line(text: Any) -> str:
    """What a cluster says, on one line."""
    return " ".join(str(text).split())


def count_or_percent(text: str, field: str) -> int | str:
    """Read a number of pods, or a share of them (`25%`). Raises BackendError."""
    if not _COUNT.fullmatch(text):
        raise _refused(f"`{text}` is not a value of {field}", "write a number of replicas (`1`) or a share (`25%`)")
    return text if text.endswith("%") else int(text)


def _refused(message: str, help_: str) -> BackendError:
    return BackendError(message, help_, "not-for-kubernetes")
