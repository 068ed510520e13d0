"""Writes manifests: data in, YAML out that every reader, of YAML 1.1 and of 1.2, takes for the same data."""

import re
import sys
from typing import Any, ClassVar

import yaml

from mlspec.backends.error import BackendError

_PLAIN = re.compile(r"[A-Za-z_/](?:[\w ./@+-]|:(?=[\w/]))*(?<! )", re.ASCII)
"""What may stand without quotes: starts like a word, and no character in it means something in YAML."""

_WORDS = frozenset(
    {"y", "n", "yes", "no", "on", "off", "true", "false", "t", "f", "null", "nil", "nan", "inf", "infinity"}
)
"""Words, in any case, that some reader takes for a boolean, a number or nothing."""


def manifest_text(*documents: Any, header: str = "") -> str:
    """Write one or more documents as YAML, after `header` as a comment; the same data give the same text.

    Documents are trees of dicts with text keys, lists, tuples, text, numbers, booleans and None. Keys keep their
    order. Raises TypeError for anything else.
    """
    comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    body: str = yaml.dump_all(
        documents,
        Dumper=_StrictDumper,
        default_flow_style=False,
        allow_unicode=True,
        sort_keys=False,
        width=sys.maxsize,
        explicit_start=len(documents) > 1,
    )
    return comment + body


def read_manifest(text: str) -> Any:
    """Read one document of YAML that a cluster's own tools have written. Raises BackendError."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BackendError(f"it is not YAML: {' '.join(str(error).split())}") from None


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(value), style=_style(str(value)))


def _style(value: str) -> str | None:
    if _PLAIN.fullmatch(value) and value.casefold() not in _WORDS:
        return None
    return "|" if _fits_block(value) else '"'


def _fits_block(value: str) -> bool:
    """Whether a literal block keeps it: more than one line, no blanks that a reader or an editor could lose."""
    lines = value.removesuffix("\n").split("\n")
    printable = all(line.isprintable() and not line.endswith(" ") for line in lines)
    return "\n" in value and printable and lines[-1] != "" and lines[0][:1] not in {"", " "}


def _mapping(dumper: yaml.SafeDumper, value: dict[Any, Any]) -> yaml.Node:
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"a manifest has text keys, not {type(key).__name__}: {key!r}")
    return dumper.represent_mapping("tag:yaml.org,2002:map", value)


def _unknown(_dumper: yaml.SafeDumper, value: Any) -> yaml.Node:
    raise TypeError(f"a manifest cannot hold a {type(value).__name__}: {value!r}")


class _StrictDumper(yaml.SafeDumper):
    """Knows the types of JSON only, writes no anchors, and quotes all that is not plainly a word."""

    yaml_representers: ClassVar[dict[Any, Any]] = {
        bool: yaml.SafeDumper.represent_bool,
        int: yaml.SafeDumper.represent_int,
        float: yaml.SafeDumper.represent_float,
        type(None): yaml.SafeDumper.represent_none,
        list: yaml.SafeDumper.represent_list,
        tuple: yaml.SafeDumper.represent_list,
        dict: _mapping,
        None: _unknown,
    }
    yaml_multi_representers: ClassVar[dict[Any, Any]] = {str: _text}

    def ignore_aliases(self, data: Any) -> bool:
        """Every value is written where it stands."""
        return True
