"""The strict emitter: what goes in as data comes out of every YAML reader as the same data."""

import datetime as dt
import enum
import re
from typing import ClassVar

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlspec.backends.manifest import manifest_text

AMBIGUOUS = re.findall(
    r"\S+",
    """
n N y Y no No NO yes Yes on On ON off Off OFF true True TRUE false null Null NULL ~ 1e3 1E3 1.5e+3 12:30 1:2:3
12:30:45 190:20:30.15 010 0o10 0x1f 0b101 1_000 .5 5. +1 -1 - -- --- ... .inf -.INF .nan .NaN 2024-01-01
2024-01-01T10:00:00Z = << <<: ? : :: a: #x *x &x !x %x @x `x | > {} [] {a [a , 'x "x a#b \\ é 1 -0 0 t f
512Mi 500m 25% 1.2.3 ghcr.io/a/b:1.2 http://x:80/y key:value E3 _1 nan inf
""",
)
AMBIGUOUS += ["", " ", " a", "a ", "a: b", "a #b", "- a", "? a", "\t", "a\tb", "\n", "\n\n", "a\n", "a\nb", "a\n\nb\n"]
AMBIGUOUS += [
    "\na",
    "a\n\n",
    " a\nb",
    "a \nb",
    "a\n b",
    "a\r\nb",
    "a\x85b",
    "a\u2028b",
    "\ufeffa",
    "\x00",
    "\x7f",
    "a\n---\nb",
    "---\na",
]
AMBIGUOUS += [
    "#!/bin/sh\nset -e\necho $X\n",
    "\U0001f600\nb",
    "a\n# b",
    "a\n\tb",
    "%a\nb",
    "...\nb\n",
    "x" * 300,
    "a b " * 60 + "c",
]


class Core(yaml.SafeLoader):
    """Reads scalars as the core schema of YAML 1.2 does."""

    yaml_implicit_resolvers: ClassVar = {}
    yaml_constructors: ClassVar = {**yaml.SafeLoader.yaml_constructors}


def _core_int(loader, node):
    text = loader.construct_scalar(node)
    return int(text, 0) if text[:2] in {"0x", "0o"} else int(text)


for tag, pattern in (
    ("null", r"~|null|Null|NULL|"),
    ("bool", r"true|True|TRUE|false|False|FALSE"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
):
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})$"), None)
Core.add_constructor("tag:yaml.org,2002:int", _core_int)


def read_core(text):
    return Core(text).get_single_data()


def typed(value):
    """The tree with the type beside each leaf, so that `1`, `True` and `1.0` differ."""
    if isinstance(value, dict):
        return {k: typed(v) for k, v in value.items()}
    if isinstance(value, list):
        return [typed(v) for v in value]
    return type(value).__name__, value


words = st.one_of(st.text(), st.sampled_from(AMBIGUOUS), st.text("0123456789.:-+_eExo \n", max_size=8))
leaves = st.one_of(words, st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False))
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=4)),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(trees)
@example({"a": ["x\ny\n", {"b": "x\n  y"}]})
@example([["a\nb"], "c"])
def test_every_reader_gets_the_same_data(tree):
    text = manifest_text(tree)
    assert typed(yaml.safe_load(text)) == typed(tree)
    assert typed(read_core(text)) == typed(tree)


@pytest.mark.parametrize("word", AMBIGUOUS)
def test_ambiguous_words_stay_text_as_value_item_and_key(word):
    tree = {"value": word, "items": [word, [word]], word: {word: word}}
    text = manifest_text(tree)
    assert typed(yaml.safe_load(text)) == typed(tree)
    assert typed(read_core(text)) == typed(tree)


@pytest.mark.parametrize(
    "word", ["n", "y", "on", "Off", "1e3", "12:30", "010", "~", "null", ".5", "0x1f", "2024-01-01", "=", "<<", "512Mi"]
)
def test_what_a_reader_could_take_for_something_else_is_quoted(word):
    assert manifest_text({"a": word}) == f'a: "{word}"\n'


def test_plain_words_stand_without_quotes_and_scripts_as_blocks():
    tree = {"image": "ghcr.io/team/late:1.2", "path": "/v2/health/ready", "run": "set -e\necho 1\n", "list": ["a b"]}
    assert manifest_text(tree, header="One.\n\nTwo.") == (
        "# One.\n#\n# Two.\nimage: ghcr.io/team/late:1.2\npath: /v2/health/ready\n"
        "run: |\n  set -e\n  echo 1\nlist:\n- a b\n"
    )


def test_several_documents_and_repeated_values_without_anchors():
    shared = {"a": ["b"]}
    text = manifest_text({"x": shared, "y": shared}, shared)
    assert "&" not in text
    assert list(yaml.safe_load_all(text)) == [{"x": shared, "y": shared}, shared]


def test_text_of_an_enumeration_is_text():
    assert manifest_text([enum.StrEnum("Colour", ["on"]).on]) == '- "on"\n'


@pytest.mark.parametrize("value", [dt.date(2024, 1, 1), {1, 2}, b"x", object(), {1: "a"}, {None: "a"}, {True: "a"}])
def test_other_types_are_refused(value):
    with pytest.raises(TypeError, match="a manifest"):
        manifest_text({"a": value})
