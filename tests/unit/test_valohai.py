"""A valohai.yaml in the words of mlspec: it compiles, it runs, and whatever has no counterpart is told with its place."""

import ast
import json
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from small_projects import actions, plan, write_project

from mlspec.base.diag import Problems
from mlspec.cli.main import main
from mlspec.foreign.commands import Passed, command
from mlspec.foreign.valohai import from_valohai
from mlspec.session import Session

FILES = Path(__file__).parent / "valohai"
STEP = {"name": "s", "image": "i", "command": "run {parameters}"}


def taken(*entries):
    return from_valohai(yaml.safe_dump(list(entries), sort_keys=False), "valohai.yaml")


def of(name):
    return from_valohai((FILES / name).read_text(), name)


def project(root, found):
    write_project(root, [])
    (root / "imported.yaml").write_text(found.text)
    return root


@pytest.mark.parametrize("name", ["houses.yaml", "greet.yaml"])
def test_what_is_written_compiles_and_is_what_was_meant(tmp_path, name):
    found = of(name)
    assert tuple(yaml.safe_load_all(found.text)) == found.documents
    with Session(project(tmp_path, found)) as session:
        assert len(list(session.compiled.desired)) == len(found.documents)


def test_it_runs(tmp_path, capsys):
    root = project(tmp_path, of("greet.yaml"))
    with Session(root) as session:
        assert session.apply(session.plan(), on_event=lambda _: None).ok
        run = session.run("pipeline.hello", on_event=lambda _: None)
    assert {s.status for s in run.steps} == {"done"}
    said = '--name=it\'s "$(touch hacked)" {{x}} -n 1 -n 2\n'
    assert next(root.glob(".mlspec/runs/dev/*/read/outputs/all")).read_text() == said * 2
    assert not (root / "hacked").exists()


def test_all_of_a_larger_one():
    found = of("houses.yaml")
    by_name = {d["name"]: d for d in found.documents}
    assert list(by_name) == ["prepare_data", "train", "tell", "houses"]
    prepare = by_name["prepare_data"]
    assert prepare["resources"] == {"cpu": "0.5", "cpu_limit": "2", "memory": "512M", "gpu": 1}
    assert (prepare["timeout"], prepare["idle_timeout"]) == ("1h30m", "15m")
    assert prepare["parameters"]["columns"] == {"type": "string", "default": "area,rooms"}
    steps = by_name["houses"]["steps"]
    assert steps["search"]["each"] == {"grid": {"depth": {"range": [3, 7, 2]}}, "parallel": 2}
    assert steps["search"]["on_error"] == "continue"
    assert steps["one"]["parameters"] == {"depth": 5, "rows": "${metrics.prepare.rows}"}
    assert steps["one"]["when"] == "metrics.prepare.rows >= 10.0"
    assert steps["tell"]["after"] == ["prepare"]
    assert steps["tell_models"]["inputs"] == {"from_1": "search.outputs", "from_2": "one.outputs"}
    assert "https://example.org/houses.csv" in steps["prepare_raw"]["command"]
    lines = (FILES / "houses.yaml").read_text().splitlines()
    told = {lines[d.span.line - 1][d.span.column - 1 :].split(":")[0] for d in found.said}
    assert {
        "keep-directories",
        "widget",
        "environment",
        "mounts",
        "optimization-target-metric",
        "on-error",
        "endpoint",
        "deployment",
    } <= told
    assert len(found.said) == 16


FIELDS = {
    ("step",): {
        "description": "x", "category": "x", "icon": "x", "source-path": "x", "image": "other", "environment": "x", "runtime-config-preset": "x",
        "inputs": [{"name": "x"}], "outputs": [{"name": "x"}], "parameters": [{"name": "x", "type": "integer", "default": 1}],
        "environment-variables": [{"name": "X", "default": "1"}], "environment-variable-groups": ["x"], "mounts": [{"source": "/x", "destination": "/y"}],
        "cache-volumes": ["x"], "upload-store": "x", "time-limit": "1h", "no-output-timeout": "2h", "stop-condition": "x > 1",
        "resources": {"cpu": {"min": 1}}, "unheard-of": 1,
    },
    ("step", "parameters", 0): {
        "description": "x", "type": "integer", "default": "3", "optional": True, "min": 1, "max": 2, "choices": ["a"], "multiple": "repeat", "category": "x",
        "widget": "x", "pass-as": "-x {v}", "unheard-of": 1,
    },
    ("step", "inputs", 0): {"default": "s3://x/y", "optional": True, "filename": "x", "keep-directories": "full", "download": "on-demand", "unheard-of": 1},
    ("step", "resources"): {"memory": {"max": 3}, "devices": {"nvidia.com/gpu": 1}, "unheard-of": 1},
    ("step", "environment-variables", 0): {"default": "2", "unheard-of": 1},
    ("pipeline",): {"parameters": [{"name": "p", "default": "1", "targets": ["n.parameter.p"]}], "reuse-executions": False, "unheard-of": 1},
    ("pipeline", "nodes", 0): {
        "on-error": "stop-all", "commit": "abc", "edge-merge-mode": "append", "actions": [{"when": "node-error", "then": "x"}], "unheard-of": 1,
        "override": {"image": "o", "command": "c", "unheard-of": 1},
    },
    ("task",): {
        "type": "random_search", "execution-count": 3, "execution-batch-size": 2, "maximum-queued-executions": 2, "optimization-target-metric": "x",
        "optimization-target-value": 1, "engine": "x", "on-child-error": "stop-all-and-error", "stop-condition": "x", "reuse-children": True, "unheard-of": 1,
    },
}  # fmt: skip
BASE = {
    "step": {**STEP, "parameters": [{"name": "p", "type": "string", "default": "d"}], "inputs": [{"name": "q"}], "resources": {"cpu": {"max": 1}},
             "environment-variables": [{"name": "V", "default": "1"}]},
    "pipeline": {"name": "pipe", "nodes": [{"name": "n", "type": "execution", "step": "s"}, {"name": "t", "type": "task", "task": "k"}], "edges": []},
    "task": {"name": "k", "step": "s", "type": "grid_search", "parameters": [{"name": "p", "style": "multiple", "rules": {"items": ["a", "b"]}}]},
}  # fmt: skip


def put(base, path, key, value):
    whole = json.loads(json.dumps(base))
    at = whole
    for part in path:
        at = at[part]
    at[key] = value
    return whole


@pytest.mark.parametrize(
    ("path", "key", "value"), [(p, k, v) for p, fields in FIELDS.items() for k, v in fields.items()]
)
def test_every_field_is_taken_over_or_told(path, key, value):
    before = taken(*({k: v} for k, v in BASE.items()))
    after = taken(*({k: v} for k, v in put(BASE, path, key, value).items()))
    assert after.documents != before.documents or [d.message for d in after.said] != [d.message for d in before.said]


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("run {parameter:a}", 'run "--a=${MLSPEC_PARAM_A}"'),
        ('run "{parameter-value:a}"', 'run "$MLSPEC_PARAM_A"'),
        ("run 'x {parameter-value:a} y'", "run 'x '\"$MLSPEC_PARAM_A\"' y'"),
        ('run "x {parameter:a}"', 'run "x --a=${MLSPEC_PARAM_A}"'),
        ("run {parameter:other} {x}", "run {parameter:other} {x}"),
    ],
)
def test_a_value_is_never_put_into_the_text(line, written):
    told = []
    found = command([line], {"a": Passed("a", "--a={v}")}, {}, lambda what, _: told.append(what))
    assert found.splitlines()[-1] == written
    assert told == (["`{parameter:other}` is no parameter of the step: it stays as it is"] if "other" in line else [])


PASSED = {
    "a": Passed("a", "--a={v}"),
    "b": Passed("b", "-b {v}|x&\\", several=","),
    "f": Passed("f", flag=True, on="--on"),
}
ENV = {"MLSPEC_PARAM_A": "it's  $HOME", "MLSPEC_PARAM_B": "1,2", "MLSPEC_PARAM_F": "true", "MLSPEC_INPUT_TRAIN": "/in a", "MLSPEC_OUTPUT_OUTPUTS": "/out b"}  # fmt: skip


@pytest.mark.parametrize(
    ("line", "args"),
    [
        ("say '/valohai/inputs/train/x' \"/valohai/outputs/y\" /valohai/outputs", ["/in a/x", "/out b/y", "/out b"]),
        ("say 'open(\"/valohai/inputs/train/x\")'", ['open("/in a/x")']),
        ("say '{parameters}'", ["--a=it's  $HOME -b 1|x&\\ -b 2|x&\\ --on"]),
        ('say "x {parameters}"', ["x --a=it's  $HOME -b 1|x&\\ -b 2|x&\\ --on"]),
        ("say {parameter:b} {parameter:f}", ["-b", "1|x&\\", "-b", "2|x&\\", "--on"]),
        ("say \"$(say '{parameter-value:a}')\"", ["['say', \"it's  $HOME\"]"]),
        ("# don't\nsay {parameter-value:a} # {parameter:a} isn't\nsay '{parameter-value:a}'", ["it's  $HOME", "say", "it's  $HOME"]),
        ("say \"$(cat <<END\n'{parameter-value:a}' /valohai/outputs\nEND\n)\" {parameter:f}", ["'it's  $HOME' /out b", "--on"]),
        ("say /valohai/inputs/train, /valohai/inputs/training", ["/in a,", "/vh/training"]),
        ("say \\'{parameter-value:a}\\'", ["'it's  $HOME'"]),
    ],
)  # fmt: skip
def test_a_shell_reads_in_any_quotes_what_was_meant(line, args, tmp_path):
    say = tmp_path / "say"
    say.write_text(f"#!{sys.executable}\nimport sys\nprint(['say', *sys.argv[1:]])\n")
    say.chmod(0o755)
    told = []
    written = command([line], PASSED, {"train": "train"}, lambda what, _: told.append(what))
    script = "VH_INPUTS_DIR=/vh\n" + written.partition("/train\n")[2]
    env = {**ENV, "PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": "/home"}
    done = subprocess.run(["sh", "-c", script], env=env, capture_output=True, text=True, check=True)
    assert [a for x in done.stdout.splitlines() for a in ast.literal_eval(x)] == ["say", *args]
    assert told == []


def test_what_no_shell_expands_is_told():
    step = {"name": "s", "source-path": "a b", "inputs": [{"name": "train"}], "parameters": [{"name": "n", "type": "integer", "default": 3}]}  # fmt: skip
    text = '#!/usr/bin/env -S python3\nimport valohai\nprint({parameter-value:n}, open("/valohai/inputs/train/x"))'
    found = taken({"step": {**step, "command": [text]}})
    assert found.documents[0]["command"] == ["python3", "-c", text.partition("\n")[2]]
    stays = "in a command of `python` stays as it is: nothing expands it there"
    assert names(found) == [
        "`source-path` is not set for a command that is no shell",
        *(f"`{what}` {stays}" for what in ("{parameter-value:n}", "import valohai", "/valohai/inputs/train/x")),
    ]
    assert len({d.span.line for d in found.said}) == 1
    here = taken({"step": {**step, "command": "python - <<'END'\nprint({parameter-value:n})\nEND\n"}})
    assert "cd 'a b'\n" in here.documents[0]["command"]
    assert names(here) == [
        "`{parameter-value:n}` in a here-document with a quoted end stays as it is: nothing expands it there"
    ]


@pytest.mark.parametrize("search", ["grid-search", "random-search"])
@pytest.mark.parametrize(
    ("style", "rules"),
    [
        ("logspace", {"start": 1, "end": 2, "count": "many"}),
        ("logspace", {"start": "a", "end": 2, "count": 3}),
        ("logspace", {"start": 1, "end": 999999, "count": 3}),
        ("logspace", {"start": 1, "end": 2, "count": 10**9}),
        ("logspace", {"start": 1, "end": 2, "count": 3, "base": -2}),
        ("linear", {"start": 0, "end": 1, "step": 0}),
        ("linear", {"start": 0, "end": float("inf")}),
        ("linear", {"start": 0, "end": 10**400}),
        ("linear", {"start": 0, "end": 10**9}),
        ("linear", {"start": [], "end": {}}),
        ("single", {"value": float("nan")}),
        ("multiple", {"items": [1, [2]]}),
        ("multiple", {"items": []}),
        ("random", {"min": float("nan"), "max": 2}),
        ("random", {"min": "x", "max": 2, "distribution": 3}),
        ("random", "x"),
    ],
)
def test_an_axis_that_is_no_numbers_is_told(search, style, rules, tmp_path):
    step = {"name": "s", "command": "x", "parameters": [{"name": "n", "type": "float", "default": 3}]}
    task = {"name": "t", "step": "s", "type": search, "parameters": [{"name": "n", "style": style, "rules": rules}]}
    found = taken({"step": step}, {"task": task})
    (each,) = found.documents[1]["steps"].values()
    assert each["each"][search.partition("-")[0]] == {"n": [0]}
    assert f"the values of style `{style}` are not read: `0` stands for them" in names(found)
    with Session(project(tmp_path, found)) as session:
        session.validate()


def test_a_range_that_is_drawn_from_is_a_list():
    step = {"name": "s", "command": "x", "parameters": [{"name": "n", "type": "float", "default": "0.5"}]}
    drawn = [{"name": "n", "style": "linear", "rules": {"start": 0.1, "end": 0.3, "step": 0.1}}]
    task = {"name": "t", "step": "s", "type": "random-search", "execution-count": "many", "parameters": drawn}
    found = taken({"step": step}, {"task": task})
    assert found.documents[0]["parameters"]["n"]["default"] == 0.5
    assert found.documents[1]["steps"]["s"]["each"] == {"random": {"n": [0.1, 0.2, 0.3]}, "count": 1}
    assert names(found) == ["`many` is not a finite number"]


def test_the_search_of_a_task():
    drawn = [{"name": "p", "style": "random", "rules": {"min": 1, "max": 9, "integerify": True}}]
    step = {"name": "s", "image": "i", "command": "x", "parameters": [{"name": "p", "type": "integer", "default": 1}]}
    found = taken(
        {"step": step},
        {"task": {"name": "k", "step": "s", "type": "random_search", "execution-count": 4, "parameters": drawn}},
    )
    assert found.documents[1]["steps"] == {
        "s": {"use": "s", "each": {"random": {"p": {"integers": [1, 9]}}, "count": 4}}
    }
    sets = taken(
        {"step": step},
        {"task": {"name": "k", "step": "s", "type": "manual_search", "parameter-sets": [{"p": 1}, {"p": 3}]}},
    )
    assert sets.documents[1]["steps"]["s"]["each"] == {"sets": [{"p": 1}, {"p": 3}]}
    spread = [{"name": "p", "style": "logspace", "rules": {"start": -2, "end": 0, "step": 3}}]
    logs = taken({"step": step}, {"task": {"name": "k", "step": "s", "type": "grid_search", "parameters": spread}})
    assert logs.documents[1]["steps"]["s"]["each"] == {"grid": {"p": [0.01, 0.1, 1.0]}}


def names(found):
    return [d.message for d in found.said]


def test_what_has_no_value_is_empty_until_somebody_gives_one(tmp_path):
    step = {"name": "s", "command": "echo {params} > /valohai/outputs/f", "parameters": [
        {"name": "n", "type": "integer"}, {"name": "k", "type": "float"}, {"name": "f", "type": "flag", "pass-false-as": "--not-{name}"}]}  # fmt: skip
    tried = {"name": "t", "step": "s", "type": "GRID-SEARCH", "parameters": [{"name": "n", "rules": {"items": [1, 2]}}]}
    nodes = [
        {
            "name": "a",
            "type": "execution",
            "step": "s",
            "override": {"parameters": [{"name": "k", "default": 0.5}, {"name": "x", "default": 1}]},
        }
    ]
    edges = [["a.parameter.k", "a.parameter.nothing"]]
    found = taken(
        {"step": step},
        {"task": tried},
        {
            "pipeline": {
                "name": "p",
                "nodes": nodes,
                "edges": edges,
                "parameters": [{"name": "g", "target": "a.parameter.f"}],
            }
        },
    )
    declared = found.documents[0]["parameters"]
    assert declared == {
        "n": {"type": "int64", "default": 0},
        "k": {"type": "float64", "default": 0.0},
        "f": {"type": "boolean", "default": False},
    }
    assert found.documents[1]["steps"]["a"]["parameters"] == {"k": 0.5, "f": "${parameters.g}"}
    assert {
        "step `s` has no parameter `x`: it is given none",
        "step `s` has no parameter `nothing`: it is given none",
    } <= set(names(found))
    with Session(project(tmp_path, found)) as session:
        assert len(list(session.compiled.desired)) == 3


def test_variables_and_inputs_are_handed_on():
    step = {
        "name": "s",
        "command": "x",
        "environment-variables": [{"name": "V", "default": "1"}],
        "inputs": [{"name": "q"}],
    }
    make = {"name": "m", "command": "x"}
    nodes = [{"name": n, "type": "execution", "step": "m" if n == "m" else "s"} for n in "mab"]
    edges = [
        ["m.output.*", "a.input.q"],
        ["a.input.q*", "b.input.q"],
        {"source": "a.environment-variable.V", "target": "b.environment-variable.W", "configuration": {}},
    ]
    found = taken({"step": step}, {"step": make}, {"pipeline": {"name": "p", "nodes": nodes, "edges": edges}})
    steps = found.documents[2]["steps"]
    assert steps["b"] == {"use": "s", "env": {"W": "1"}, "inputs": {"q": "m.outputs"}}
    assert names(found) == ["of this edge, only `source` and `target` are taken over"]


JUNK = [
    None,
    3,
    True,
    "x",
    [],
    {},
    [1],
    [[]],
    {"a": 1},
    "a.output.b",
    "{parameters}",
    ["#!"],
    ["#!/usr/bin/env python3", "x"],
    "#!'",
    float("nan"),
    float("-inf"),
    10**400,
    -1,
    "9" * 5000 + "h",
]


def places(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def test_nonsense_is_a_problem_or_told_and_never_a_crash():
    dice = random.Random(5)
    base = yaml.safe_load((FILES / "houses.yaml").read_text())
    for path in dice.sample([p for p in places(base) if p], 40):
        whole = put(base, path[:-1], path[-1], dice.choice(JUNK))
        with suppress(Problems):
            found = taken(*whole)
            assert found.documents or found.said


def test_what_is_no_such_file():
    with pytest.raises(Problems) as caught:
        from_valohai("step: {}", "valohai.yaml")
    assert {d.code for d in caught.value.diagnostics} == {"not-a-list"}


def test_the_command_line(tmp_path, capsys):
    (tmp_path / "valohai.yaml").write_text((FILES / "houses.yaml").read_text())
    words = ["-C", str(tmp_path), "import", "valohai.yaml"]
    assert main([*words, "-o", "out.yaml"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "--> valohai.yaml:30:5" in said.err
    assert main([*words, "-o", "out.yaml"]) == 1
    assert "`out.yaml` is there already" in capsys.readouterr().err
    assert main([*words, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (len(found["documents"]), found["not_imported"][0]["line"]) == (4, 12)


def test_the_file_may_stay_where_it_is(tmp_path):
    write_project(tmp_path, [{"kind": "pipeline", "name": "p", "steps": {"a": {"command": "true"}}}])
    (tmp_path / "valohai.yaml").write_text("- step: {name: a, image: i, command: ls}\n")
    assert actions(plan(tmp_path)) == [("pipeline.p", "create")]
