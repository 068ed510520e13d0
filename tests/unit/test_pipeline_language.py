"""What a pipeline can say: parameters of steps, steps that several use, fan-outs, failures, schedules; what is refused, and where."""

import json
from dataclasses import fields, replace

import pytest
import yaml
from small_projects import actions, apply, plan, write_project

from mlspec.backends.error import BackendError
from mlspec.backends.gates import check_gates
from mlspec.base.address import Address
from mlspec.base.diag import Problems
from mlspec.documents.scalars import plain
from mlspec.ir.given import UnfitValue, as_text, given, unfit
from mlspec.ir.later import described
from mlspec.ir.resource import body_digest
from mlspec.ir.waiting import waits_for
from mlspec.ir.workflow import (
    Allowed,
    CommandStep,
    FanOut,
    Gate,
    Mode,
    OfMetric,
    OfParameter,
    OnError,
    OutputType,
    Overlap,
    Resources,
    Schedule,
    Sees,
    Source,
    StepParameter,
    Workflow,
    Written,
)
from mlspec.kinds._fan_out import Drawn
from mlspec.session import Session

NASTY = ["it's", 'a "b"', "two\nlines\n", "$(touch hacked)", "`id`", "{{inputs.x}}", "n", "1e3", "on", "", " é\\", "-n"]


def pipeline(steps, **more):
    return {"kind": "pipeline", "name": "p", "steps": steps, **more}


def lowered(root, *documents, name="pipeline.p"):
    with Session(write_project(root, documents)) as session:
        return session.compiled.desired.resources[Address.parse(name)].body


def problems(root, *documents):
    with Session(write_project(root, documents)) as session, pytest.raises(Problems) as caught:
        session.validate()
    return [(d.code, d.message) for d in caught.value.diagnostics]


def step(root, said, *documents, **more):
    return lowered(
        root, pipeline({"a": {"command": "x", "outputs": {"m": "metrics"}}, "b": said}, **more), *documents
    ).step("b")


def items(root, each, **said):
    found = step(root, {"command": "x", "each": each, **said}).each
    return [{n: json.loads(v) for n, v in item} for item in found.items]


def test_what_is_not_used_is_in_no_digest():
    old = Workflow("w", (CommandStep("a", ("x",), env=(("A", "1"),)),), (("p", "1"),), Schedule("0 3 * * *"))
    assert body_digest(old) == "111a8be191a198be82a47ae97300e884"
    bounded = replace(old, allowed=(("p", Allowed("int64", minimum=0)),))
    assert body_digest(bounded) == body_digest(old)
    assert body_digest(replace(old, on_error=OnError.STOP)) != body_digest(old)


def test_every_later_field_of_a_step_is_in_its_digest():
    plain = CommandStep("a", ("x",))
    other = {
        "parameters": (StepParameter("p", Written("1"), Allowed("int64")),), "after": ("b",), "each": FanOut(((("p", "1"),),)),
        "retry_factor": 2.0, "retry_max_delay": 9.0, "idle_timeout": 3.0, "on_error": OnError.STOP, "cache_ttl": 8.0, "sees": Sees(), "measures": ("auc",),
    }  # fmt: skip
    assert set(other) == {f.name for f in fields(CommandStep) if f.metadata.get("later")}
    for name, value in other.items():
        assert described(replace(plain, **{name: value})).keys() - described(plain).keys() == {name}


@pytest.mark.parametrize("value", [*NASTY, 3, 2.5, True, -1])
def test_a_written_value_stays_what_it_is(tmp_path, value):
    (found,) = step(tmp_path, {"command": "x", "parameters": {"v": value}}).parameters
    assert json.loads(found.value.json) == value
    kind = {str: "string", int: "int64", float: "float64", bool: "boolean"}[type(value)]
    assert found.allowed == Allowed(kind)
    text = given(Workflow("w", ()), CommandStep("b", ("x",), parameters=(found,)), {})["v"]
    assert as_text(text) == (value if isinstance(value, str) else json.dumps(value))


def test_values_of_the_pipeline_and_of_metrics(tmp_path):
    said = {
        "share": "${parameters.share}",
        "rows": {"type": "int64", "value": "${metrics.a.rows}", "min": 1},
        "x": "${ metrics.a.f1-score }",
    }
    parameters = {"share": {"type": "float64", "default": 0.1, "max": 1}}
    whole = lowered(
        tmp_path,
        pipeline(
            {"a": {"command": "x", "outputs": {"m": "metrics"}}, "b": {"command": "x", "parameters": said}},
            parameters=parameters,
        ),
    )
    found = whole.step("b")
    assert [p.value for p in found.parameters] == [
        OfMetric("a", "rows"),
        OfParameter("share"),
        OfMetric("a", "f1-score"),
    ]
    assert waits_for(whole) == {"a": (), "b": ("a",)}
    assert given(whole, found, {"a": {"rows": 12.0, "f1-score": 0.5}}) == {"share": "0.1", "rows": "12", "x": "0.5"}
    assert given(whole, found, {"a": {"rows": 12.0, "f1-score": 0.5}}, (("x", "7"),))["x"] == "7"
    for metrics, said_of in [({"rows": 1.5, "f1-score": 1}, "`rows`: `1.5` is not a `int64`"), ({"rows": 0.0, "f1-score": 1}, "`0` is less than 1"),
                             ({"rows": 3.0}, "step `a` has no metric `f1-score` (it has: `rows`)")]:  # fmt: skip
        with pytest.raises(UnfitValue) as caught:
            given(whole, found, {"a": metrics})
        assert said_of in str(caught.value)


@pytest.mark.parametrize("field", ["command", "description"])
def test_a_run_puts_nothing_into_the_middle_of_a_text(tmp_path, field):
    said = {"command": "x", field: "echo ${parameters.p}"}
    assert (
        problems(tmp_path, pipeline({"a": said}, parameters={"p": {"type": "string", "default": "x"}}))[0][0]
        == "unknown-variable"
    )


def test_every_field_of_failure_and_resources(tmp_path):
    said = {"command": ["a", "b"], "retries": 3, "retry_delay": "30s", "retry_factor": 2, "retry_max_delay": "1m", "timeout": "2h", "idle_timeout": "10m",
            "on_error": "continue", "cache": {"ttl": "7d"}, "after": ["a"], "resources": {"ephemeral_storage": "1Gi", "ephemeral_storage_limit": "2Gi"}}  # fmt: skip
    found = step(tmp_path, said)
    assert found == CommandStep(
        "b", ("a", "b"), retries=3, retry_delay=30.0, retry_factor=2.0, retry_max_delay=60.0, timeout=7200.0, idle_timeout=600.0,
        on_error=OnError.CONTINUE, cache_ttl=604800.0, after=("a",), resources=Resources(storage="1Gi", storage_limit="2Gi"),
    )  # fmt: skip
    assert [found.wait_before(n) for n in (2, 3, 4, 100)] == [30.0, 60.0, 60.0, 60.0]
    assert step(tmp_path, {"command": "x", "cache": False}).cache is False


def test_schedule_triggers_and_what_the_pipeline_says_of_failures(tmp_path):
    source = {"kind": "source", "name": "rows", "files": "rows.csv", "columns": {"id": "int64"}}
    (tmp_path / "rows.csv").write_text("id\n1\n")
    schedule = {"cron": "0 3 * * 1", "timezone": "Europe/Helsinki", "overlap": "queue", "catchup": True}
    said = pipeline({"a": {"command": "x"}}, schedule=schedule, triggers=["rows"], on_error="stop")
    found = lowered(tmp_path, said, source)
    assert found.schedule == Schedule("0 3 * * 1", "Europe/Helsinki", Overlap.QUEUE, catchup=True)
    assert found.triggers == ("source.rows",)
    assert found.fate(found.step("a")) is OnError.STOP


def test_the_sets_of_a_fan_out(tmp_path):
    assert items(tmp_path, {"grid": {"b": [True, False], "a": ["x", "n"]}}) == [
        {"a": "x", "b": True}, {"a": "x", "b": False}, {"a": "n", "b": True}, {"a": "n", "b": False}]  # fmt: skip
    assert [i["a"] for i in items(tmp_path, {"grid": {"a": {"range": [1, 9, 3]}}})] == [1, 4, 7]
    assert [i["a"] for i in items(tmp_path, {"grid": {"a": {"range": [0.5, 0.2, -0.1]}}})] == [0.5, 0.4, 0.3, 0.2]
    assert [i["a"] for i in items(tmp_path, {"grid": {"a": {"log": [0.001, 1, 4]}}})] == [0.001, 0.01, 0.1, 1.0]
    assert items(tmp_path, {"sets": [{"a": 1}, {"a": 2}]}) == [{"a": 1}, {"a": 2}]


def test_a_draw_can_be_repeated(tmp_path):
    drawn = {
        "depth": {"integers": [2, 4]},
        "rate": {"log_uniform": [0.001, 1]},
        "share": {"uniform": [0, 1]},
        "loss": ["log", "hinge"],
    }
    first = items(tmp_path, {"random": drawn, "count": 50, "seed": 7})
    assert first[0] == {"depth": 3, "rate": 0.191135446348, "share": 0.58315928819, "loss": "log"}
    assert {i["depth"] for i in first} == {2, 3, 4}
    assert all(0.001 <= i["rate"] <= 1 and 0 <= i["share"] < 1 for i in first)
    fewer = items(tmp_path, {"random": {"depth": drawn["depth"]}, "count": 50, "seed": 7})
    assert [i["depth"] for i in fewer] == [i["depth"] for i in first]
    assert items(tmp_path, {"random": drawn, "count": 50, "seed": 8}) != first


def test_the_best_item(tmp_path):
    each = {"sets": [{"a": 1}], "parallel": 3, "keep": {"best": "loss", "mode": "min"}}
    assert step(tmp_path, {"command": "x", "outputs": {"m": "metrics"}, "each": each}).each == FanOut(
        ((("a", "1"),),), 3, "loss", Mode.MIN
    )


LIBRARY = {
    "kind": "step", "name": "fit", "command": "fit", "inputs": {"rows": "metrics"}, "outputs": {"model": "model"}, "env": {"A": "1", "B": "2"},
    "parameters": {"depth": {"type": "int64", "default": 3, "min": 1}, "alpha": {"type": "float64"}}, "resources": {"cpu": "1", "memory": "1Gi"},
    "retries": 2,
}  # fmt: skip


def test_a_step_that_is_used(tmp_path):
    use = {
        "use": "fit",
        "inputs": {"rows": "a.m"},
        "parameters": {"alpha": 1},
        "env": {"B": "3"},
        "resources": {"memory": "2Gi"},
        "timeout": "1m",
    }
    found = step(tmp_path, use, LIBRARY)
    assert found == CommandStep(
        "b", ("fit",), (("rows", Source("a", "m")),), (("model", OutputType.MODEL),), (("A", "1"), ("B", "3")), retries=2, timeout=60.0,
        resources=Resources("1", "2Gi"),
        parameters=(StepParameter("alpha", Written("1"), Allowed("float64")), StepParameter("depth", Written("3"), Allowed("int64", minimum=1))),
    )  # fmt: skip
    assert step(tmp_path, {**use, "command": ["other"]}, LIBRARY).command == ("other",)
    swept = step(tmp_path, {"use": "fit", "inputs": {"rows": "a.m"}, "each": {"grid": {"alpha": [0.5, 1]}}}, LIBRARY)
    assert [p.name for p in swept.parameters] == ["depth"]


A = {"command": "x", "outputs": {"m": "metrics", "o": "artifact"}}
EACH = {"grid": {"d": [1, 2]}}


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        ({"b": {"command": "x", "each": {"grid": {"d": []}}}}, ("invalid-value", "`d`: at least 1 is needed")),
        ({"b": {"command": "x", "each": {}}}, ("invalid-fan-out", "exactly one of `grid`, `sets`, `random` is needed here")),
        ({"b": {"command": "x", "each": {"random": {"d": [1]}}}}, ("invalid-fan-out", "`random` needs a `count`: how many sets are drawn")),
        ({"b": {"command": "x", "each": {**EACH, "seed": 3}}}, ("invalid-fan-out", "`seed` means nothing without `random`")),
        ({"b": {"command": "x", "each": {"grid": {"d": {"range": [1, 9, -1]}}}}}, ("invalid-fan-out", "`range: [first, last, step]` never gets from the first to the last")),
        ({"b": {"command": "x", "each": {"grid": {"d": {"log": [0, 9, 3]}}}}}, ("invalid-fan-out", "`log: [first, last, count]` needs positive ends, and a count of at least 2")),
        ({"b": {"command": "x", "each": {"grid": {n: {"range": [1, 200, 1]} for n in "cde"}}}}, ("invalid-fan-out", "these are more than 10000 combinations")),
        ({"b": {"command": "x", "each": {"grid": {"d": [1, "x"]}}}}, ("invalid-parameter", "`d`: `x` is not a `int64`")),
        ({"b": {"command": "x", "each": {"sets": [{"d": 1}, {"c": 2, "d": 3}]}}}, ("invalid-fan-out", "this set has no `c`, which others have")),
        ({"b": {"command": "x", "each": {**EACH, "keep": {"best": "auc"}}}},
         ("invalid-fan-out", "the best item of step `b` is told by a metric, and it has no output of type `metrics`")),
        ({"b": {**A, "each": EACH}, "c": {"command": "x", "when": "metrics.b.n > 1"}}, ("unknown-output", "step `b` has metrics for each item of its `each`")),
        ({"a": A, "b": {"command": "x", "parameters": {"p": "${metrics.c.n}"}}}, ("unknown-step", "there is no other step `c`")),
        ({"a": {"command": "x"}, "b": {"command": "x", "parameters": {"p": "${metrics.a.n}"}}}, ("unknown-output", "step `a` has no output of type `metrics`")),
        ({"b": {"command": "x", "parameters": {"p": "${parameters.q}"}}}, ("unknown-parameter", "there is no parameter `q`")),
        ({"b": {"command": "x", "parameters": {"p": {"type": "int64", "value": 0, "min": 1}}}}, ("invalid-parameter", "`p`: `0` is less than 1")),
        ({"a": A, "b": {"command": "x", "parameters": {"p": {"type": "string", "value": "${metrics.a.n}"}}}},
         ("invalid-parameter", "`p` is of type `string`, and a metric is a number")),
        ({"b": {"command": "x", "after": ["b"]}}, ("cycle", "step `b` needs itself, and no step can")),
        ({"b": {"command": "x", "inputs": {"rows": "b.o"}, "outputs": {"o": "artifact"}}}, ("cycle", "step `b` needs itself, and no step can")),
        ({"b": {**A, "when": "metrics.b.rows > 1"}}, ("cycle", "step `b` needs itself, and no step can")),
        ({"b": {**A, "parameters": {"p": "${metrics.b.rows}"}}}, ("cycle", "step `b` needs itself, and no step can")),
        ({"b": {"command": "x", "after": ["c"]}}, ("unknown-step", "there is no other step `c`")),
        ({"b": {"command": "x", "retry_delay": "1s"}}, ("meaningless-field", "`retry_delay` means nothing without `retries`")),
        ({"b": {"command": "x", "retries": 1, "retry_delay": "5m", "retry_max_delay": "10s"}},
         ("invalid-step", "`retry_delay` (5m) is longer than `retry_max_delay` (10s), and would never count")),
        ({"b": {"command": "x", "timeout": "5m", "idle_timeout": "1h"}}, ("invalid-step", "`idle_timeout` (1h) is longer than `timeout` (5m), and would never count")),
        ({"b": {"command": " "}}, ("empty-value", "`command` is empty; expected something to run")),
        ({"b": {"command": ["", "x"]}}, ("empty-value", "`command` is empty; expected something to run")),
        ({"b": {"command": "x", "env": {"MLSPEC_PARAM_X": "1"}}}, ("invalid-name", "`MLSPEC_PARAM_X` is not a name for an environment variable of yours")),
        ({"b": {"command": "x", "secrets": {"MLSPEC_INPUT_X": {"env": "X"}}}}, ("invalid-name", "`MLSPEC_INPUT_X` is not a name for an environment variable of yours")),
        ({"b": {"command": "x", "parameters": {"p": {"type": "int64", "value": 0, "min": 3, "max": 1}}}}, ("invalid-parameter", "`min` is more than `max` (3 > 1)")),
        ({"b": {"command": "x", "each": {"grid": {"d": {"range": [2, 10]}}}}}, ("invalid-fan-out", "`range` needs [first, last, step]")),
        ({"b": {"command": "x", "each": {"grid": {"d": {"log": [2]}}}}}, ("invalid-fan-out", "`log` needs [first, last, count]")),
        ({"b": {"command": "x", "each": {"random": {"d": {"integers": [2, 3, 4]}}, "count": 2}}}, ("invalid-fan-out", "`integers` needs [low, high]")),
        ({"b": {"command": "x", "when": "parameters.x == 1"}}, ("unknown-parameter", "there is no parameter `x`")),
        ({"b": {"command": "x", "when": "parameters['x'] == 1"}}, ("unknown-parameter", "there is no parameter `x`")),
        ({"b": {"command": "x", "when": "x == 1"}}, ("unknown-name", "the condition has no `x`")),
        ({"b": {"command": "x", "when": "1 + 1"}}, ("invalid-condition", "the condition cannot be read: it is `2`, neither true nor false")),
        ({"b": {"command": "x", "when": "true and false"}}, ("invalid-condition", "the condition cannot be read: `and` is no operator of CEL")),
        ({"b": {"command": "x", "when": "1 1"}}, ("invalid-condition", "the condition cannot be read: `1` is not expected there")),
        ({"b": {"command": "x", "when": "1 <"}}, ("invalid-condition", "the condition cannot be read: it ends too early")),
        ({"b": {"command": "x", "measures": ["auc"]}}, ("meaningless-field", "`measures` means nothing without an output of type `metrics`")),
        ({"a": {**A, "measures": ["auc"]}, "b": {"command": "x", "when": "metrics.a.aucc > 1"}}, ("unknown-output", "step `a` does not measure `aucc`")),
        ({"a": {**A, "measures": ["auc"]}, "b": {"command": "x", "parameters": {"p": "${metrics.a.f1}"}}}, ("unknown-output", "step `a` does not measure `f1`")),
        ({"b": {**A, "measures": ["auc", "f1"], "each": {**EACH, "keep": {"best": "f2"}}}}, ("unknown-output", "step `b` does not measure `f2`")),
        ({"b": {"command": "x", "sees": ["n"]}}, ("unknown-parameter", "there is no parameter `n`")),
        ({"b": {"command": "x", "retries": 2, "retry_factor": 2}}, ("meaningless-field", "`retry_factor` means nothing without `retry_delay`")),
        ({"b": {"command": "x", "retries": 2, "retry_max_delay": "1m"}}, ("meaningless-field", "`retry_max_delay` means nothing without `retry_delay`")),
        ({"b": {"command": "x\0y"}}, ("invalid-value", "`command` holds a NUL character, and nothing can be started so")),
        ({"b": {"command": "x", "env": {"A": "x\0y"}}}, ("invalid-value", "`A`: it holds a NUL character, and no environment variable can")),
        ({"b": {"command": "x", "env": {"A=B": "x"}}}, ("invalid-name", "`A=B` is not a name for an environment variable")),
        ({"b": {"command": "x", "secrets": {"": {"env": "X"}}}}, ("invalid-name", "`` is not a name for an environment variable")),
        ({"b": {"command": "x", "parameters": {"p": "x\0y"}}}, ("invalid-parameter", "`p`: it holds a NUL character, and no environment variable can")),
        ({"b": {"command": "x", "each": {"grid": {"p": ["x\0y"]}}}}, ("invalid-parameter", "`p`: it holds a NUL character, and no environment variable can")),
        ({"a": A, "b": {"command": "x", "when": "metrics.a.n * 2 > 1.0"}}, ("invalid-condition", "the condition has no answer: Unsupported operation: float * int")),
        ({"b": {"command": "x", "retry_factor": 2}}, ("meaningless-field", "`retry_factor` means nothing without `retries`")),
        ({"a": A, "b": {"use": "fit", "inputs": {"rows": "a.o"}, "parameters": {"alpha": 1}}}, ("wrong-type", "`a.o` is of type `artifact`, not `metrics`")),
        ({"a": A, "b": {"use": "fit", "inputs": {"rows": "a.m", "x": "a.o"}, "parameters": {"alpha": 1}}}, ("invalid-use", "`step.fit` has no input `x`")),
        ({"a": A, "b": {"use": "fit", "inputs": {"rows": "a.m"}, "parameters": {"alpha": 1, "beta": 1}}}, ("unknown-parameter", "`step.fit` has no parameter `beta`")),
        ({"a": A, "b": {"use": "fit", "inputs": {"rows": "a.m"}}}, ("invalid-use", "step `b` gives `step.fit` no value for `alpha`, which has no default")),
        ({"a": A, "b": {"use": "fit", "inputs": {"rows": "a.m"}, "parameters": {"alpha": "x"}}}, ("invalid-parameter", "`alpha`: `x` is not a `float64`")),
        ({"a": A, "b": {"use": "fit", "inputs": {"rows": "a.m"}, "parameters": {"alpha": 1}, "outputs": {}}},
         ("meaningless-field", "`outputs` means nothing in a step with `use`: they are those of the step that is used")),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path, steps, found):
    assert problems(tmp_path, pipeline(steps), LIBRARY) == [found]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"type": "float64", "default": 2.0, "min": 3, "max": 1}, ("invalid-parameter", "`min` is more than `max` (3 > 1)")),
        ({"type": "string", "default": "x", "min": 3}, ("meaningless-field", "`min` means nothing for a parameter of type `string`")),
        ({"type": "boolean", "default": True, "max": 3}, ("meaningless-field", "`max` means nothing for a parameter of type `boolean`")),
        ({"type": "string", "default": "x", "choices": []}, ("invalid-parameter", "no value is one of no `choices`")),
        ({"type": "string", "default": "x", "choices": ["x", 1]}, ("invalid-parameter", "a choice is of the type of its parameter: `1` is not a `string`")),
        ({"type": "int64", "default": 1, "max": 2, "choices": [1, 3]}, ("invalid-parameter", "a choice that nobody has: `3` is more than 2")),
    ],
)  # fmt: skip
def test_bounds_that_judge_nothing_are_refused_of_pipelines_and_steps(tmp_path, said, found):
    used = {"kind": "step", "name": "s", "command": "x", "parameters": {"p": said}}
    assert problems(tmp_path, pipeline({"a": {"command": "x"}}, parameters={"p": said}), used) == [found, found]


def test_a_step_is_given_the_parameters_that_it_sees(tmp_path):
    all_of_them = {name: {"type": "int64", "default": i} for i, name in enumerate("abc")}
    steps = {
        "one": {"command": "x"},
        "two": {"command": "x", "sees": []},
        "three": {"use": "s", "sees": ["b", "a"], "parameters": {"own": "${parameters.c}"}},
        "four": {"use": "s", "parameters": {"own": 7}},
    }
    used = {"kind": "step", "name": "s", "command": "x", "sees": [], "parameters": {"own": {"type": "int64"}}}
    workflow = lowered(tmp_path, pipeline(steps, parameters=all_of_them), used)
    found = {step.name: given(workflow, step, {}) for step in workflow.steps}
    assert found == {
        "one": {"a": "0", "b": "1", "c": "2"}, "two": {}, "three": {"a": "0", "b": "1", "own": "2"}, "four": {"own": "7"},
    }  # fmt: skip


def test_a_factor_of_a_step_that_is_used_needs_a_delay_from_somewhere(tmp_path):
    used = {"kind": "step", "name": "s", "command": "x", "retries": 2, "retry_factor": 2}
    said = "`retry_factor` means nothing without `retry_delay`, which neither step `a` nor `step.s` says"
    assert problems(tmp_path, pipeline({"a": {"use": "s"}}), used) == [("meaningless-field", said)]
    assert step(tmp_path, {"use": "s", "retry_delay": "5s"}, used).retry_factor == 2.0


NO_OVERLOAD = "No such overload: the operation is not defined for the given operand types"
PARAMETERS = {
    "n": {"type": "int64", "default": 3}, "rate": {"type": "float64", "default": 1}, "mode": {"type": "string", "default": "a"},
    "on": {"type": "boolean", "default": True},
}  # fmt: skip


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("metrics.a.x > 0.5 || parameters.n * metrics.a.y > 1.0", NO_OVERLOAD),
        ("metrics.a.x > 0.5 && metrics['a'].y - 1 > 0.0", "Unsupported operation: float - int"),
        ("parameters.on ? true : metrics.a.x + 1 > 2.0", "Unsupported operation: float + int"),
        ("parameters.mode == 'b' && metrics.a.x + 1 > 2.0", ""),  # no value that is known leads there
        ("parameters.mode + 1 == 'a1'", "Unsupported operation: string + int"),
        ("parameters.mode > 1", NO_OVERLOAD),
        ("parameters.n / 2 > 1 && metrics.a.x > 1 && metrics.a.x == 2 && parameters.n in [3.0]", ""),
        ("parameters.rate * 2.0 > 1 && double(parameters.n) * metrics.a.x > 1", ""),
        ("1 / (parameters.n - parameters.n) > 1", ""),
    ],
)
def test_numbers_of_two_types_are_not_calculated_with(tmp_path, when, said):
    steps = {"a": {**A, "outputs": {"m": "metrics"}}, "b": {"command": "x", "when": when}}
    written = pipeline(steps, parameters=PARAMETERS)
    if said:
        assert problems(tmp_path, written) == [("invalid-condition", f"the condition has no answer: {said}")]
    else:
        write_project(tmp_path, [written])
        Session(tmp_path).validate()


def test_a_step_that_is_used_is_refused_where_it_is_written(tmp_path):
    used = {"kind": "step", "name": "s", "command": "x", "env": {"MLSPEC_A": "1"}, "timeout": "1h"}
    refused = ("invalid-name", "`MLSPEC_A` is not a name for an environment variable of yours")
    assert problems(tmp_path, pipeline({"a": {"use": "s"}}), used) == [refused]
    longer = {"kind": "step", "name": "s", "command": "x", "timeout": "1h"}
    found = problems(tmp_path, pipeline({"a": {"use": "s", "idle_timeout": "2h"}}), longer)
    assert found == [("invalid-step", "`idle_timeout` (2h) is longer than `timeout` (1h), and would never count")]


@pytest.mark.parametrize(
    "when",
    [
        "parameters.mode == 'parameters.mod and x'", "parameters.mode in ['a', \"b\"] || metrics.a.m > 1.0", "parameters['mode'].startswith('a')",
        "[1, 2].exists(x, x > 1) && has(parameters.mode)", "true", "{'parameters': 1}.parameters == 1",
    ],
)  # fmt: skip
def test_conditions_that_are_sound(tmp_path, when):
    mode = {"mode": {"type": "string", "default": "a"}}
    assert step(tmp_path, {"command": "x", "when": when}, parameters=mode).when == when


@pytest.mark.parametrize(
    ("when", "help_"),
    [
        ("parameters.mod == 'fast'", "did you mean `mode`?"),
        ("mode == 'fast'", "write `parameters.mode`"),
        ("parameters.mode == 'a' and true", "write `&&`"),
        ("parameters.mode == 'a' or true", "write `||`"),
        ("not has(parameters.mode)", "write `!`"),
        ("parameters.mode = 'a'", "write `==`"),
    ],
)
def test_what_a_condition_should_say(tmp_path, when, help_):
    said = pipeline({"b": {"command": "x", "when": when}}, parameters={"mode": {"type": "string", "default": "a"}})
    with Session(write_project(tmp_path, [said])) as session, pytest.raises(Problems) as caught:
        session.validate()
    assert [d.help for d in caught.value.diagnostics] == [help_]


@pytest.mark.parametrize(
    ("command", "help_"),
    [
        ('echo "${HOME}"', "write `$HOME` for a variable of the shell, or `$${HOME}` for the text itself"),
        ("echo ${params.n}", "did you mean `${parameters.n}`?"),
        ("echo ${HOME:-x}", "`$${HOME:-x}` is the text itself; `${vars.name}`, `${env.NAME}` and `${environment}` are what there is"),
    ],
)  # fmt: skip
def test_what_a_command_should_say(tmp_path, command, help_):
    with (
        Session(write_project(tmp_path, [pipeline({"b": {"command": command}})])) as s,
        pytest.raises(Problems) as caught,
    ):
        s.validate()
    assert [d.help for d in caught.value.diagnostics] == [help_]


BIG = 10**400


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"command": []}, ("invalid-value", "`command`: at least 1 is needed")),
        ({"command": "x", "each": {"grid": {"n": {"range": [0, BIG, 1]}}}}, ("invalid-value", "a whole number here has at most 64 bits")),
        ({"command": "x", "each": {"grid": {"n": {"range": [0, float("nan"), 1]}}}}, ("invalid-value", "`range`: must be a finite number")),
        ({"command": "x", "each": {"grid": {"n": {"log": [1, float("inf"), 3]}}}}, ("invalid-value", "`log`: must be a finite number")),
        ({"command": "x", "each": {"grid": {"n": {"log": [1, BIG, 3]}}}}, ("invalid-value", "a whole number here has at most 64 bits")),
        ({"command": "x", "each": {"random": {"n": {"uniform": [-1.7e308, 1.7e308]}}, "count": 2}},
         ("invalid-fan-out", "`uniform: [low, high]`: low and high are too far apart")),
        ({"command": "x", "parameters": {"n": float("inf")}}, ("invalid-value", "`n`: must be a finite number")),
        ({"command": "x", "parameters": {"n": {"type": "float64", "value": 1.0, "min": float("nan")}}}, ("invalid-value", "`min`: must be a finite number")),
        ({"command": "x", "parameters": {"n": {"type": "float64", "value": 1.0, "max": BIG}}}, ("invalid-value", "`max`: must be a number that 64 bits can hold")),
        ({"command": "x", "retries": BIG}, ("invalid-value", "`retries`: must be less than or equal to 100")),
    ],
)  # fmt: skip
def test_numbers_that_nothing_can_hold_are_refused_at_their_field(tmp_path, said, found):
    write_project(tmp_path, [])
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(pipeline({"b": said})))
    with Session(tmp_path) as session, pytest.raises(Problems) as caught:
        session.validate()
    (one,) = caught.value.diagnostics
    assert (one.code, one.message) == found
    assert one.span is not None


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), BIG])
def test_a_run_is_not_given_what_no_json_can_hold(value):
    assert unfit(value, Allowed("int64" if value is BIG else "float64")) != ""


def test_what_is_no_number_passes_no_gate():
    for metric, gate in ((0.1, Gate("auc", minimum=float("nan"))), (float("nan"), Gate("auc", maximum=0.5))):
        with pytest.raises(BackendError):
            check_gates("m", [gate], {"auc": metric}, {})


@pytest.mark.parametrize("start", ["", "0x", "0o"])
def test_digits_without_end_are_text(start):
    assert plain(start + "1" * 5000) == start + "1" * 5000


def test_a_draw_of_integers_stays_within_them():
    high = 2**62 + 1
    assert Drawn.model_validate({"integers": [0, high]}).value(1 - 2**-53) <= high


def test_bounds_are_published_anew_though_they_decide_no_result(tmp_path):
    bounded = pipeline({"a": {"command": "x"}}, parameters={"p": {"type": "int64", "default": 1, "min": 0}})
    assert apply(write_project(tmp_path, [bounded]))[2].ok
    bounded["parameters"]["p"]["min"] = 1
    planned = plan(write_project(tmp_path, [bounded]))
    assert actions(planned) == [("pipeline.p", "update")]
    assert planned.changes[0].reason == "changed"
    assert apply(tmp_path)[2].ok
    assert actions(plan(tmp_path)) == []


def test_what_the_local_runner_cannot_do_is_refused(tmp_path):
    said = pipeline({"a": {"command": "x"}}, schedule="0 3 * * 1")
    with Session(write_project(tmp_path, [said])) as session, pytest.raises(Problems) as caught:
        session.plan()
    assert {d.code for d in caught.value.diagnostics} == {"unsupported-by-backend"}


@pytest.mark.parametrize(
    ("said", "line"), [(["my prog"], "'my prog'"), (["echo one; echo two"], "'echo one; echo two'"), (["true"], "true")]
)
def test_a_program_without_arguments_is_no_line_for_a_shell(tmp_path, said, line):
    (made,) = lowered(tmp_path, pipeline({"a": {"command": said}})).steps
    assert made.command == (line,)
