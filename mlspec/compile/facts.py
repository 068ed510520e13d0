"""What is known of a project that was compiled: enough to tell whether it is still the same, and to plan if it is.

`Facts` are read whole by every run; `Details` only where something has changed; bodies one by one, where somebody asks.
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
        return _encode(vars(self))

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


@dataclass
class Details:
    """What a run needs that compiles a part of the project again; `run` as in the facts that they belong to."""

    docs: dict[str, Doc] = field(default_factory=dict)
    specs: dict[str, SpecFacts] = field(default_factory=dict)
    run: str = ""

    def encode(self) -> str:
        """As text."""
        docs = {n: vars(d) for n, d in self.docs.items()}
        return _encode({"docs": docs, "specs": {a: vars(s) for a, s in self.specs.items()}, "run": self.run})

    @classmethod
    def decode(cls, text: str) -> "Details":
        """Read what `encode` wrote."""
        data = json.loads(text)
        docs = {n: Doc(**{**d, "asked": _asked(d["asked"])}) for n, d in data["docs"].items()}
        specs = {a: SpecFacts(**{**s, "asked": _asked(s["asked"])}) for a, s in data["specs"].items()}
        return cls(docs, specs, data["run"])


def merged(parts: list[Asked]) -> Asked:
    """Everything that was asked, together."""
    whole = Asked()
    for part in parts:
        whole.held.update(part.held)
        whole.paths.update(part.paths)
        whole.globs.update(part.globs)
        whole.folders.update(part.folders)
    return whole


def _asked(data: Mapping[str, Any]) -> Asked:
    globs = {p: tuple(n) for p, n in data["globs"].items()}
    return Asked(data["held"], data["paths"], globs, {p: tuple(n) for p, n in data["folders"].items()})


def _encode(value: Any) -> str:
    return json.dumps(value, default=vars, separators=(",", ":"), ensure_ascii=False)
