"""What is expected is said in words with an example, never as the pattern that a program matches."""

import pytest
from small_projects import write_project

from mlspec.base.diag import Problems
from mlspec.language.words import TABLE, VERSION
from mlspec.session import Session


def pipeline(**step):
    return {"kind": "pipeline", "name": "p", "steps": {"a": {"command": "x", **step}}}


def source(**fields):
    return {"kind": "source", "name": "s", "columns": {"id": "int64"}, **fields}


def deployed(**fields):
    return {"kind": "deployment", "name": "d", "model": "m", **fields}


EXCEPT = {
    "kind": "policy",
    "name": "p",
    "use": "gates_required",
    "except": [{"address": "model.*", "reason": "x", "until": "yesterday"}],
}
RELATED = source(files="a.csv", checks=[{"relationship": {"column": "id", "to": "other"}}])
WRONG = [
    (EXCEPT, "`yesterday` is not a day; write `2026-12-31`"),
    (pipeline(inputs={"d": "one"}), "`one` is not the output of a step; write `step.output`, as in `train.model`"),
    (pipeline(secrets={"K": {"kubernetes": "x"}}), "`name/key`, as in `kubernetes: database/password`"),
    (pipeline(secrets={"K": {"env": "a b"}}), "the name of an environment variable, as in `env: DB_PASSWORD`"),
    (deployed(probes={"liveness": {"path": "x"}}), "`x` is not a path: it begins with `/`, as in `/health`"),
    (deployed(version="newest"), "`newest` is not a version; write `current`"),
    (source(table="a-b"), "`a-b` is not the name of a table; write it as `table` or `schema.table`"),
    (RELATED, "`other` is not the column of a table; write `name.column`"),
    ({"kind": "import", "name": "i", "address": "model.m", "version": "m"}, "write `model/digest`"),
    (deployed(model="m@champion", alias="champion"), "`m@champion` says the alias, and `alias` says one too; write `model: m`"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_is_expected_is_said_in_words(tmp_path, document, said):
    write_project(tmp_path, [document])
    with Session(tmp_path) as session, pytest.raises(Problems) as caught:
        session.validate()
    [found] = [d for d in caught.value.diagnostics if said in d.message]
    assert found.span.line > 1
    assert not any("pattern" in d.message for d in caught.value.diagnostics)


@pytest.mark.parametrize(("word", "text"), [(VERSION, "0123abcd\n"), (TABLE, "a\n"), (TABLE, "a.b.c.d")])
def test_a_text_is_of_its_shape_as_a_whole(word, text):
    with pytest.raises(ValueError, match="is not"):
        word._checked(text)
