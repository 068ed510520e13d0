"""Small pipelines that mean the same on every target: what each step saw is written into a folder, for all to compare."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlspec.ir.workflow import (
    Allowed,
    CommandStep,
    FanOut,
    Mode,
    OfMetric,
    OfParameter,
    OnError,
    OutputType,
    Source,
    StepParameter,
    Workflow,
    Written,
)

ARTIFACT, MODEL, METRICS = OutputType.ARTIFACT, OutputType.MODEL, OutputType.METRICS
NASTY = (
    "it's", 'a "b"', "two\nlines\n", "$(touch hacked)", "`id`", "{{inputs.parameters.x}}", "{{=1+1}}", "{{$.inputs}}", "{% raw %}", "{# c #}",
    "${HOME}", "$$", "n", "1e3", "on", "", " é\\", "-n", "--param=x=y", "%s", "12:30:00", "2024-01-01", "~", "0o7", "null", '"quoted"', "a=b", "\\n", "</script>", "\U0001f600", "\ttab",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A workflow made for a witness folder, the parameters of the run, how often it runs, and where it is refused."""

    steps: Callable[[Path], tuple[CommandStep, ...]]
    parameters: tuple[tuple[str, str], ...] = ()
    allowed: tuple[tuple[str, Allowed], ...] = ()
    given: Mapping[str, object] = field(default_factory=dict)
    runs: int = 1
    ends_well: bool = True
    refused: frozenset[str] = frozenset()

    def workflow(self, name: str, witness: Path) -> Workflow:
        """The workflow as it is published."""
        return Workflow(name, self.steps(witness), self.parameters, allowed=self.allowed)


def command(name, line, witness, outputs=(), inputs=(), **more) -> CommandStep:
    """A step that notes that it ran, and what `line` prints, in the file of its name."""
    text = line if isinstance(line, tuple) else (f'{{ {line}\n}} >> "$W/{name}"',)
    sources = tuple((key, Source(*where.split("."))) for key, where in inputs)
    env = (("W", str(witness)), *more.pop("env", ()))
    return CommandStep(name, text, sources, tuple(outputs), env, **more)


def makes(name, text, witness, inputs=(), **more):
    """A step with the output `out`, which holds a text and all of its inputs."""
    gathered = " ".join(f'"$MLSPEC_INPUT_{key.upper()}"/*' for key, _ in inputs)
    line = f'echo ran; echo {text} > "$MLSPEC_OUTPUT_OUT/f"; cat {gathered or "/dev/null"} >> "$MLSPEC_OUTPUT_OUT/f"; cat "$MLSPEC_OUTPUT_OUT/f"'
    return command(name, line, witness, [("out", ARTIFACT)], inputs, **more)


def measures(name, metrics, witness, inputs=(), **more):
    """A step that measures."""
    line = f"echo ran; echo '{json.dumps(metrics)}' > \"$MLSPEC_OUTPUT_M\""
    return command(name, line, witness, [("m", METRICS)], inputs, **more)


def reads(name, witness, inputs, **more):
    """A step that only shows what it got."""
    shown = "; ".join(
        f'cat "$MLSPEC_INPUT_{key.upper()}"/* 2>/dev/null || cat "$MLSPEC_INPUT_{key.upper()}"' for key, _ in inputs
    )
    return command(name, shown, witness, (), inputs, **more)


def parameter(name, value, kind="string", **limits):
    return StepParameter(name, value, Allowed(kind, **limits))


def items(*sets):
    return tuple(tuple((k, json.dumps(v)) for k, v in one.items()) for one in sets)


_TRIES = 'echo attempt; [ "$(wc -l < "$W/{0}")" -ge {1} ] || exit 7; echo enough'
_ALL = "printf '<%s>' " + " ".join(f'"$MLSPEC_PARAM_V{i}"' for i in range(len(NASTY)))
_ENV = "printf '<%s>' " + " ".join(f'"$V{i}"' for i in range(len(NASTY)))
_FIT = """echo "ran $MLSPEC_PARAM_DEPTH" ; echo "depth $MLSPEC_PARAM_DEPTH" > "$MLSPEC_OUTPUT_OUT/f"; echo "{\\"auc\\": 0.$MLSPEC_PARAM_DEPTH}" > "$MLSPEC_OUTPUT_M\""""
_FIT_OUTPUTS = [("out", MODEL), ("m", METRICS)]


def _fit(name, w, each, **more):
    line = _FIT.replace(
        'echo "ran $MLSPEC_PARAM_DEPTH" ;', f'echo "ran $MLSPEC_PARAM_DEPTH" >> "$W/{name}-$MLSPEC_PARAM_DEPTH";'
    )
    return replace(command(name, line, w, _FIT_OUTPUTS, **more), each=each, command=(line,))


CASES: dict[str, Case] = {
    "linear": Case(lambda w: (makes("a", "one", w), makes("b", "two", w, [("x", "a.out")]), reads("c", w, [("y", "b.out")]))),
    "diamond": Case(lambda w: (
        makes("top", "t", w), makes("left", "l", w, [("x", "top.out")]), makes("right", "r", w, [("x", "top.out")]),
        reads("bottom", w, [("l", "left.out"), ("r", "right.out")]),
    )),
    "metrics_are_an_input": Case(lambda w: (measures("e", {"auc": 0.75, "n": 3}, w), reads("r", w, [("m", "e.m")]))),
    "condition_true": Case(lambda w: (
        measures("e", {"auc": 0.9}, w), makes("go", "g", w, when="metrics.e.auc >= 0.9"), reads("on", w, [("g", "go.out")]),
    )),
    "condition_false": Case(lambda w: (
        measures("e", {"auc": 0.9}, w), makes("no", "g", w, when="metrics.e.auc > 0.9"), reads("on", w, [("g", "no.out")]),
        makes("beside", "b", w),
    )),
    "condition_of_parameters": Case(
        lambda w: (
            makes("fast", "f", w, when='parameters.mode == "fast" && parameters.x * 2.0 > 0.9 && parameters.n >= 3'),
            makes("slow", "s", w, when='!(parameters.mode in ["fast", "faster"]) || !parameters.flag'),
        ),
        (("flag", "true"), ("mode", '"fast"'), ("n", "3"), ("x", "0.5")),
    ),
    "condition_in_condition": Case(lambda w: (
        measures("e", {"a": 1, "b": 2}, w), measures("x", {"c": 5}, w, when="metrics.e.a == 1"),
        makes("y", "y", w, when="metrics.x.c > 4 && metrics.e.b == 2"), reads("z", w, [("y", "y.out"), ("m", "x.m")]),
        makes("n", "n", w, when="metrics.x.c > 6"),
    )),
    "retried": Case(lambda w: (command("flaky", _TRIES.format("flaky", 3), w, retries=2), makes("after_it", "a", w, after=("flaky",)))),
    "retried_in_vain": Case(
        lambda w: (
            command("bad", 'echo attempt; echo x > "$MLSPEC_OUTPUT_OUT/f"; exit 3', w, [("out", ARTIFACT)], retries=1),
            reads("needs", w, [("x", "bad.out")]), makes("beside", "b", w),
        ),
        ends_well=False,
    ),
    "too_slow": Case(lambda w: (command("slow", "echo began; sleep 60; echo ended", w, timeout=5.0),), ends_well=False),
    "too_quiet": Case(lambda w: (command("quiet", "echo began; sleep 60; echo ended", w, idle_timeout=5.0),), ends_well=False),
    "nothing_written": Case(lambda w: (command("empty", "echo ran", w, [("out", ARTIFACT)]), reads("r", w, [("x", "empty.out")])), ends_well=False),
    "metrics_are_no_numbers": Case(lambda w: (measures("e", {"auc": "high"}, w), reads("r", w, [("m", "e.m")])), ends_well=False),
    "not_run_again": Case(lambda w: (makes("a", "one", w), makes("b", "two", w, [("x", "a.out")]), makes("each_time", "e", w, cache=False)), runs=2),
    "values_that_break_out": Case(
        lambda w: (command("see", _ALL, w),), tuple((f"v{i}", json.dumps(v)) for i, v in enumerate(NASTY)),
    ),
    "variables_that_break_out": Case(lambda w: (command("see", _ENV, w, env=tuple((f"V{i}", v) for i, v in enumerate(NASTY))),)),
    "arguments_that_break_out": Case(lambda w: (
        command("see", ("/bin/sh", "-c", 'printf "<%s>" "$@" > "$W/see"', "sh", *NASTY), w),
    )),
    "given_for_a_run": Case(
        lambda w: (command("see", 'printf "<%s>" "$MLSPEC_PARAM_TEXT" "$MLSPEC_PARAM_N" "$MLSPEC_PARAM_X" "$MLSPEC_PARAM_FLAG"', w),),
        (("flag", "false"), ("n", "1"), ("text", '"plain"'), ("x", "0.5")),
        (("x", Allowed("float64", 0.0, 1.0)),),
        given={"n": 7, "text": "other words", "x": 0.25, "flag": True},
    ),
    "metrics_become_parameters": Case(lambda w: (
        measures("e", {"rows": 1200.0, "share": 0.25}, w),
        command("use", 'printf "<%s>" "$MLSPEC_PARAM_ROWS" "$MLSPEC_PARAM_SHARE" "$MLSPEC_PARAM_KIND" "$MLSPEC_PARAM_HELD"', w, parameters=(
            parameter("held", OfParameter("held_out"), "float64"), parameter("kind", Written('"lbfgs"')),
            parameter("rows", OfMetric("e", "rows"), "int64"), parameter("share", OfMetric("e", "share"), "float64"),
        )),
    ), (("held_out", "0.1"), ("kind", '"hidden"'))),
    "a_metric_that_does_not_fit": Case(
        lambda w: (
            measures("e", {"rows": 5}, w),
            command("use", "echo ran", w, parameters=(parameter("rows", OfMetric("e", "rows"), "int64", minimum=10.0),)),
        ),
        ends_well=False,
    ),
    "every_item": Case(lambda w: (
        _fit("fit", w, FanOut(items({"depth": 2}, {"depth": 8}, {"depth": 4}), 2)),
        command("r", 'cd "$MLSPEC_INPUT_F"; ls; cat */f; cat items.json; cd "$MLSPEC_INPUT_M"; ls; cat */m.json', w, (), [("f", "fit.out"), ("m", "fit.m")]),
    )),
    "the_best_item": Case(lambda w: (
        _fit("fit", w, FanOut(items({"depth": 2}, {"depth": 8}, {"depth": 4}), 0, "auc")),
        _fit("least", w, FanOut(items({"depth": 7}, {"depth": 3}), 1, "auc", Mode.MIN)),
        reads("r", w, [("f", "fit.out"), ("m", "fit.m"), ("l", "least.out")], when="metrics.fit.auc > metrics.least.auc"),
    )),
    "an_item_that_fails": Case(
        lambda w: (
            replace(_fit("fit", w, FanOut(items({"depth": 2}, {"depth": 3}), 0, "auc")), command=('[ "$MLSPEC_PARAM_DEPTH" = 2 ] || exit 4; ' + _FIT + " > /dev/null",)),
            reads("r", w, [("f", "fit.out")]),
        ),
        ends_well=False,
    ),
    "what_failed_does_not_matter": Case(
        lambda w: (
            makes("a", "one", w), command("bad", 'echo "attempt"; exit 3', w, [("out", ARTIFACT)], [("x", "a.out")], retries=1, on_error=OnError.CONTINUE),
            reads("needs", w, [("x", "bad.out")]), makes("tidy", "t", w, after=("bad",)), makes("end", "e", w, [("t", "tidy.out")]),
        ),
        refused=frozenset({"kubeflow", "argo"}),
    ),
    "after_what_was_skipped": Case(
        lambda w: (
            measures("e", {"auc": 0.9}, w), makes("no", "g", w, when="metrics.e.auc > 0.9"), makes("tidy", "t", w, after=("no",)),
        ),
        refused=frozenset({"kubeflow"}),
    ),
}  # fmt: skip
