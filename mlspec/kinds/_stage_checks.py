"""Whether the steps of a pipeline are sound: each by itself, and what they take of each other."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlspec.base.diag import Diagnostic, known_names
from mlspec.base.value import dataclass
from mlspec.ir.condition import ConditionProblem, compile_condition, mistyped, parameters_of, unbound
from mlspec.ir.given import unfit
from mlspec.ir.workflow import Allowed, OfParameter, OutputType
from mlspec.kinds._stages import Stage, kind_of, reference
from mlspec.kinds._work import Parameter, ValueSpec, code_of
from mlspec.language.scope import Scope

Path = tuple[str | int, ...]
_WORDS = {"register_model": "register"}
_WAITS = ("retry_delay", "retry_factor", "retry_max_delay")


@dataclass(frozen=True)
class Checks:
    """The steps of one pipeline, all of them; `parameters` are the pipeline's."""

    scope: Scope
    stages: Mapping[str, Stage]
    parameters: Mapping[str, Parameter]

    def check(self, stage: Stage) -> Iterator[Diagnostic]:
        """What is wrong with one step."""
        at = ("steps", stage.name)
        spec = stage.spec
        if not spec.what:
            message = f"step `{stage.name}` needs exactly one of `dataset`, `command`, `use`, `register`"
            yield self.scope.error("invalid-step", message, *at)
            return
        yield from self._meaningless(stage, at)
        for where, output in spec.taken().items():
            field = "register" if spec.register_model else "inputs"
            yield from self._input(output, (*at, field, where), stage)
        yield from self._work(stage, at)
        for pattern in spec.code if stage.used is None or "code" in stage.said else ():
            if not code_of(self.scope, pattern):
                yield self.scope.error("missing-file", f"no file matches `{pattern}`", *at, "code")
        yield from self._condition(stage, at)
        for index, name in enumerate(spec.after):
            yield from self._other(name, stage, (*at, "after", index))
        for name, metric, path in stage.measured():
            yield from self._measured(name, metric, stage, (*at, *path))
        yield from self._parameters(stage, at)
        yield from self._sees(stage, at)
        yield from self._each(stage, at)
        yield from self._use(stage, at)

    def _meaningless(self, stage: Stage, at: Path) -> Iterator[Diagnostic]:
        spec = stage.spec
        allowed = {spec.what, "description"}
        if spec.what in {"dataset", "register_model"}:
            shown = _WORDS.get(spec.what, spec.what)
            for field in sorted(stage.said - allowed):
                message = f"`{field}` means nothing in a step with `{shown}`"
                yield self.scope.error("meaningless-field", message, *at, field, key=True)
        yield from self._repeated(stage, at)
        if spec.what == "use" and "outputs" in stage.said:
            message = "`outputs` means nothing in a step with `use`: they are those of the step that is used"
            yield self.scope.error("meaningless-field", message, *at, "outputs", key=True)

    def _repeated(self, stage: Stage, at: Path) -> Iterator[Diagnostic]:
        """Waits between attempts that are not made, and factors of a wait that is not there."""
        fields, lacks = (_WAITS, "retries") if not stage.spec.retries else (_WAITS[1:], "retry_delay")
        for field in fields if not getattr(stage.spec, lacks) else ():
            message = f"`{field}` means nothing without `{lacks}`"
            if field in stage.said:
                yield self.scope.error("meaningless-field", message, *at, field, key=True)
            elif stage.used and lacks == "retry_delay" and field in stage.used.model_fields_set:
                message = f"{message}, which neither step `{stage.name}` nor `{stage.used.address}` says"
                yield self.scope.error("meaningless-field", message, *at, "use", help="add `retry_delay`")

    def _work(self, stage: Stage, at: Path) -> Iterator[Diagnostic]:
        """What the step that is used says by itself is refused there."""
        for wrong in stage.spec.unsound() if stage.spec.what in {"command", "use"} else ():
            said = [field for field in (wrong.path[0], wrong.other) if field in stage.said]
            if said:
                yield wrong.found(self.scope, *at, path=wrong.path if said[0] == wrong.path[0] else (said[0],))

    def _condition(self, stage: Stage, at: Path) -> Iterator[Diagnostic]:
        when = stage.spec.when
        if not when:
            return
        try:
            compile_condition(when)
        except ConditionProblem as problem:
            message = f"the condition cannot be read: {problem}"
            yield self.scope.error("invalid-condition", message, *at, "when", help=problem.help)
            return
        some = {name: list(_some_values(parameter)) for name, parameter in self.parameters.items()}
        if why := mistyped(when, some):
            help_ = "metrics are doubles, and CEL calculates with numbers of one type: write `2.0` for `2`, or `double(parameters.x)`"
            yield self.scope.error("invalid-condition", f"the condition has no answer: {why}", *at, "when", help=help_)
        for name in parameters_of(when):
            if name not in self.parameters:
                help_ = known_names(name, self.parameters, "parameter")
                yield self.scope.error("unknown-parameter", f"there is no parameter `{name}`", *at, "when", help=help_)
        for name in unbound(when, ("metrics", "parameters")):
            if name in self.parameters:
                help_ = f"write `parameters.{name}`"
            else:
                help_ = "a condition sees `metrics.<step>.<name>` and `parameters.<name>`; texts stand in quotes"
            yield self.scope.error("unknown-name", f"the condition has no `{name}`", *at, "when", help=help_)

    def _other(self, name: str, stage: Stage, path: Path) -> Iterator[Diagnostic]:
        if name == stage.name:
            yield self.scope.error("cycle", f"step `{name}` needs itself, and no step can", *path, help="remove it")
        elif name not in self.stages:
            others = [s for s in self.stages if s != stage.name]
            help_ = known_names(name, others, "step")
            yield self.scope.error("unknown-step", f"there is no other step `{name}`", *path, help=help_)

    def _input(self, output: str, path: Path, stage: Stage) -> Iterator[Diagnostic]:
        name, _, wanted = output.partition(".")
        if unknown := list(self._other(name, stage, path)):
            yield from unknown
            return
        offered = self.stages[name].offered()
        if wanted not in offered:
            help_ = known_names(wanted, offered, "output")
            yield self.scope.error("unknown-output", f"step `{name}` has no output `{wanted}`", *path, help=help_)
            return
        fixed = {("register", "model"): OutputType.MODEL, ("register", "metrics"): OutputType.METRICS}
        expected = fixed.get((str(path[-2]), str(path[-1]))) or stage.wanted.get(str(path[-1]))
        if expected and offered[wanted] is not expected:
            several = self.stages[name].scattered
            help_ = (
                f"step `{name}` has one for each item of its `each`; `keep: {{best: …}}` keeps one" if several else ""
            )
            message = f"`{output}` is of type `{offered[wanted]}`, not `{expected}`"
            yield self.scope.error("wrong-type", message, *path, help=help_)

    def _measured(self, name: str, metric: str, stage: Stage, path: Path) -> Iterator[Diagnostic]:
        if unknown := list(self._other(name, stage, path)):
            yield from unknown
        elif not self.stages[name].has_metrics:
            several = self.stages[name].scattered
            why = "has metrics for each item of its `each`" if several else "has no output of type `metrics`"
            help_ = "`keep: {best: …}` keeps one" if several else "add one, as in `outputs: {metrics: metrics}`"
            yield self.scope.error("unknown-output", f"step `{name}` {why}", *path, help=help_)
        elif problem := not_measured(self.stages[name], metric):
            yield self.scope.error("unknown-output", problem[0], *path, help=problem[1])

    def _parameters(self, stage: Stage, at: Path) -> Iterator[Diagnostic]:
        for name, given in stage.spec.parameters.items():
            inner = isinstance(given, ValueSpec)
            path = (*at, "parameters", name, *(("value",) if inner else ()))
            if stage.used and name not in stage.declared:
                help_ = known_names(name, stage.declared, "parameter")
                message = f"`{stage.used.address}` has no parameter `{name}`"
                yield self.scope.error("unknown-parameter", message, *at, "parameters", name, key=True, help=help_)
            elif stage.used and inner:
                message = f"`{stage.used.address}` says what `{name}` may be: only a value is given here"
                yield self.scope.error("invalid-use", message, *at, "parameters", name)
            elif isinstance(given, ValueSpec) and (wrongs := list(given.unsound())):
                yield from (wrong.found(self.scope, *at, "parameters", name) for wrong in wrongs)
            else:
                yield from self._value(stage, name, given, path)

    def _sees(self, stage: Stage, at: Path) -> Iterator[Diagnostic]:
        for index, name in enumerate(stage.spec.sees or ()):
            if name not in self.parameters:
                help_ = known_names(name, self.parameters, "parameter")
                path = (*at, "sees", index) if "sees" in stage.said else (*at, "use")
                yield self.scope.error("unknown-parameter", f"there is no parameter `{name}`", *path, help=help_)

    def _visible(self, stage: Stage) -> Mapping[str, Parameter]:
        """The parameters of the pipeline that the step is given."""
        sees = stage.spec.sees
        return {n: p for n, p in self.parameters.items() if sees is None or n in sees}

    def _value(self, stage: Stage, name: str, given: Any, path: Path) -> Iterator[Diagnostic]:
        written = given.value if isinstance(given, ValueSpec) else given
        source = reference(written)
        if isinstance(source, OfParameter) and source.name not in self.parameters:
            help_ = known_names(source.name, self.parameters, "parameter")
            yield self.scope.error("unknown-parameter", f"there is no parameter `{source.name}`", *path, help=help_)
            return
        allowed = stage.value(name, self.parameters).allowed
        if isinstance(source, OfParameter):
            known = self.parameters[source.name]
            if known.type != allowed.type and (known.type, allowed.type) != ("int64", "float64"):
                message = f"parameter `{source.name}` is of type `{known.type}`, `{name}` of type `{allowed.type}`"
                yield self.scope.error("invalid-parameter", message, *path)
                return
            written = known.default
        elif source is not None:
            if allowed.type not in {"float64", "int64"}:
                message = f"`{name}` is of type `{allowed.type}`, and a metric is a number"
                yield self.scope.error("invalid-parameter", message, *path)
            return
        if problem := unfit(written, allowed):
            yield self.scope.error("invalid-parameter", f"`{name}`: {problem}", *path)

    def _each(self, stage: Stage, at: Path) -> Iterator[Diagnostic]:
        each = stage.spec.each
        if each is None:
            return
        if each.keep and OutputType.METRICS not in stage.spec.outputs.values():
            message = (
                f"the best item of step `{stage.name}` is told by a metric, and it has no output of type `metrics`"
            )
            yield self.scope.error("invalid-fan-out", message, *at, "each", "keep")
        elif each.keep and (unknown := not_measured(stage, each.keep.best)):
            yield self.scope.error("unknown-output", unknown[0], *at, "each", "keep", "best", help=unknown[1])
        yield from self._sets(stage, (*at, "each"))
        for name in each.names:
            if stage.used and name not in stage.declared:
                help_ = known_names(name, stage.declared, "parameter")
                message = f"`{stage.used.address}` has no parameter `{name}`"
                yield self.scope.error("unknown-parameter", message, *at, "each", help=help_)
                continue
            allowed = self._known(stage, name)
            values = [i[name] for i in each.items() if name in i]
            allowed = allowed or Allowed(kind_of(next((v for v in values if isinstance(v, float)), values[0])))
            if problem := next((p for v in values if (p := unfit(v, allowed))), ""):
                yield self.scope.error("invalid-parameter", f"`{name}`: {problem}", *at, "each")

    def _known(self, stage: Stage, name: str) -> Allowed | None:
        if name in stage.declared:
            return stage.declared[name].allowed
        if name in stage.spec.parameters:
            return stage.value(name, self.parameters).allowed
        visible = self._visible(stage)
        return visible[name].allowed if name in visible else None

    def _sets(self, stage: Stage, at: Path) -> Iterator[Diagnostic]:
        """A parameter that only some sets have needs a value for the others."""
        each = stage.spec.each
        for index, one in enumerate(each.sets or () if each else ()):
            for name in sorted(set(each.names if each else ()) - set(one)):
                if name not in {*stage.names(), *self._visible(stage)}:
                    message = f"this set has no `{name}`, which others have"
                    help_ = f"give it a value in `parameters` of step `{stage.name}`"
                    yield self.scope.error("invalid-fan-out", message, *at, "sets", index, help=help_)

    def _use(self, stage: Stage, at: Path) -> Iterator[Diagnostic]:
        if stage.used is None:
            return
        for name in sorted(set(stage.spec.inputs) - set(stage.wanted)):
            help_ = known_names(name, stage.wanted, "input")
            message = f"`{stage.used.address}` has no input `{name}`"
            yield self.scope.error("invalid-use", message, *at, "inputs", name, key=True, help=help_)
        for name in sorted(set(stage.wanted) - set(stage.spec.inputs)):
            message = f"step `{stage.name}` gives `{stage.used.address}` no input `{name}`"
            yield self.scope.error("invalid-use", message, *at, "use", help=f"add `inputs: {{{name}: step.output}}`")
        given = {*stage.names(), *(stage.spec.each.names if stage.spec.each else ())}
        for name in sorted(set(stage.declared) - given):
            message = f"step `{stage.name}` gives `{stage.used.address}` no value for `{name}`, which has no default"
            yield self.scope.error("invalid-use", message, *at, "use", help=f"add `parameters: {{{name}: …}}`")


def not_measured(stage: Stage, metric: str) -> tuple[str, str] | None:
    """That a step, which says what it measures, does not say this, and what to do; None where it may be."""
    known = stage.spec.measures
    if not known or not metric or metric in known:
        return None
    return f"step `{stage.name}` does not measure `{metric}`", known_names(metric, known, "metric")


def _some_values(parameter: Parameter) -> Iterator[Any]:
    """Some values that a parameter may have, of its type."""
    match parameter.type:
        case "boolean":
            yield from (False, True)
        case "string":
            yield from dict.fromkeys(v for v in (parameter.default, *parameter.choices, "") if isinstance(v, str))
        case "int64":
            yield from (-(2**40), 2**40)
        case "float64":
            yield from (-1e300, 1e300)
