"""What is known of a project that was compiled: enough to tell whether it is still the same, and to plan if it is.

`Facts` are read whole by every run; details (see `mlspec/compile/details.py`) only where something has changed; bodies one by one,
where somebody asks.
"""

import json
from collections.abc import Mapping
from typing import Any

from mlspec.base.value import dataclass, field
from mlspec.documents.project import Asked
from mlspec.documents.watch import Signature

Rows = list[list[Any]]
PARENTS, BODY, WORDS = 6, 9, 10
"""Where these stand in the row of a resource."""


@dataclass
class Facts:
    """The project in short.

    `files` are signature and digest of everything that was read, by name; `asked` what names and patterns meant; `env` the
    digests of environment variables that were put in. `looks` are address, scan and what was seen of what sources read
    elsewhere. `bound` are pairs of address and file. `resources` are rows: address, form, digest, version, what was seen of what it scans,
    about, parents, owner, protect, ids of body and words. `costs` are by kind. `made` is who wrote them,
    `run` in which compile: others may have kept theirs between two readings, and details tell of facts of the same one.
    """

    name: str
    environment: str
    backends: Mapping[str, Mapping[str, Any]]
    context: str
    ignored: list[str]
    yaml: list[str]
    accepts: list[list[str]] = field(default_factory=list)
    beside: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    files: dict[str, tuple[Signature | None, str]] = field(default_factory=dict)
    asked: Asked = field(default_factory=Asked)
    env: dict[str, str] = field(default_factory=dict)
    looks: Rows = field(default_factory=list)
    bound: Rows = field(default_factory=list)
    resources: Rows = field(default_factory=list)
    costs: dict[str, dict[str, str]] = field(default_factory=dict)
    warnings: list[Any] = field(default_factory=list)
    made: str = ""
    run: str = ""

    def encode(self) -> str:
        """As text."""
        return encode(vars(self))

    @classmethod
    def decode(cls, text: str) -> "Facts":
        """Read what `encode` wrote."""
        data = json.loads(text)
        files = {n: (None if s is None else tuple(s), held) for n, (s, held) in data.pop("files").items()}
        return cls(**{**data, "files": files, "asked": _asked(data["asked"])})


@dataclass
class Doc:
    """What a YAML file was: its specs, how its documents call themselves, and what binding them asked for."""

    specs: list[str]
    said: list[str]
    asked: Asked
    env: list[str]
    warnings: list[Any]


@dataclass
class SpecFacts:
    """What a spec was, and what lowering it asked for: of others by the digests that were the answers.

    `mentions` are whether it offers rows, references and tables; `data` is the digest of its document, `relation` the id
    of its rows.
    """

    data: str
    mentions: list[Any]
    asked: Asked
    specs: dict[str, str]
    names: dict[str, str]
    relations: dict[str, str]
    bodies: dict[str, str]
    blind: bool
    looked: bool
    relation: str
    resources: list[str]
    warnings: list[Any]


def doc_of(text: str) -> Doc:
    """Read what `encode` wrote of a document."""
    data = json.loads(text)
    return Doc(**{**data, "asked": _asked(data["asked"])})


def spec_of(text: str) -> SpecFacts:
    """Read what `encode` wrote of a spec."""
    data = json.loads(text)
    return SpecFacts(**{**data, "asked": _asked(data["asked"])})


def _asked(data: Mapping[str, Any]) -> Asked:
    globs = {p: tuple(n) for p, n in data["globs"].items()}
    return Asked(data["held"], data["paths"], globs, {p: tuple(n) for p, n in data["folders"].items()})


def encode(value: Any) -> str:
    """Facts, or a part of them, as text."""
    return json.dumps(value, default=vars, separators=(",", ":"), ensure_ascii=False)
