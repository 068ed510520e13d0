"""A pipeline: steps from a dataset to a model, with parameters; models say which pipeline makes them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import Field

from mlspec.base.dag import Cycle, in_order
from mlspec.base.diag import Diagnostic
from mlspec.ir.resource import Body
from mlspec.ir.workflow import Allowed, CommandStep, DatasetStep, OnError, RegisterStep, Step, Workflow
from mlspec.kinds._stage_checks import Checks
from mlspec.kinds._stages import Stage, StepSpec, kind_of, source, stage
from mlspec.kinds._views.kept import InPartitions
from mlspec.kinds._work import Parameter, Scheduled, code_of
from mlspec.kinds.dataset import Dataset
from mlspec.kinds.feature_view import FeatureView
from mlspec.kinds.source import Source
from mlspec.language.scope import Scope
from mlspec.language.spec import Ref, Spec
from mlspec.language.words import Name


class Pipeline(Spec):
    """Steps by name; edges follow from `inputs`. The step contract is in docs/pipelines.md."""

    parameters: dict[Name, Parameter] = {}
    steps: Annotated[dict[Name, StepSpec], Field(min_length=1)]
    on_error: OnError = OnError.SKIP_DOWNSTREAM
    schedule: Scheduled | None = None
    triggers: tuple[Ref[Dataset | FeatureView | Source], ...] = ()

    # -- are you sound? ------------------------------------------------------------------------------------------------

    def check(self, scope: Scope) -> Iterator[Diagnostic]:
        for name, parameter in self.parameters.items():
            if wrongs := list(parameter.unsound()):
                yield from (wrong.found(scope, "parameters", name) for wrong in wrongs)
            elif problem := parameter.problem(parameter.default):
                yield scope.error(
                    "invalid-parameter", f"the default of `{name}`: {problem}", "parameters", name, "default"
                )
        stages = self.stages(scope)
        checks = Checks(scope, stages, self.parameters)
        sound = True
        for one in stages.values():
            for found in checks.check(one):
                sound = False
                yield found
        if sound:
            yield from self._check_order(scope, stages)
        yield from self._check_triggers(scope)
        registers = [n for n, s in self.steps.items() if s.register_model]
        for name in registers[1:]:
            yield scope.error("invalid-step", "a pipeline registers one model", "steps", name, key=True)

    def _check_order(self, scope: Scope, stages: Mapping[str, Stage]) -> Iterator[Diagnostic]:
        try:
            _order(stages)
        except Cycle as cycle:
            shown = " -> ".join(cycle.path)
            yield scope.error(
                "cycle", f"the steps need each other in a circle: {shown}", "steps", cycle.path[0], key=True
            )

    def _check_triggers(self, scope: Scope) -> Iterator[Diagnostic]:
        if self.triggers and any(s.register_model for s in self.steps.values()):
            message = f"`{self.name}` registers a model, and is run when that model changes"
            yield scope.error(
                "invalid-trigger",
                message,
                "triggers",
                key=True,
                help="remove `triggers`: a new dataset trains the model anew",
            )
        for place, trigger in enumerate(self.triggers):
            spec = scope.spec(trigger)
            if isinstance(spec, FeatureView) and isinstance(spec.materialize, InPartitions):
                message = f"`{scope.address(trigger)}` is kept in partitions, and has no new version when one is filled"
                yield scope.error(
                    "invalid-trigger", message, "triggers", place, help="name what reads it, or its source"
                )

    # -- what should exist? --------------------------------------------------------------------------------------------

    def lower(self, scope: Scope) -> Iterator[tuple[str, Body]]:
        plan = self.schedule.lower() if self.schedule else None
        triggers = tuple(sorted(str(scope.address(t)) for t in self.triggers))
        yield "", Workflow(
            self.name, self.lowered(scope, {}, final=False), self.values({}), plan,
            allowed=self.allowed({}), triggers=triggers, on_error=self.on_error,
        )  # fmt: skip

    def stages(self, scope: Scope) -> dict[str, Stage]:
        """The steps by name, each with what it uses."""
        return {name: stage(name, step, scope) for name, step in self.steps.items()}

    def values(self, given: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        """The parameters with their values in JSON."""
        return tuple((n, json.dumps(given.get(n, p.default))) for n, p in sorted(self.parameters.items()))

    def allowed(self, given: Mapping[str, Any]) -> tuple[tuple[str, Allowed], ...]:
        """What parameters may be, as far as their values, some of them `given`, do not tell."""
        found = ((n, p, given.get(n, p.default)) for n, p in sorted(self.parameters.items()))
        return tuple((n, p.allowed) for n, p, value in found if p.allowed != Allowed(kind_of(value)))

    def lowered(self, scope: Scope, datasets: Mapping[str, str], *, final: bool) -> tuple[Step, ...]:
        """The steps, parents first; `final` steps carry the digests of their code, others are a definition only."""
        steps: list[Step] = []
        stages = self.stages(scope)
        for name in _order(stages):
            step = self.steps[name]
            if step.dataset is not None:
                address = str(scope.address(step.dataset))
                steps.append(DatasetStep(name, address, datasets.get(address, ""), scope.spec(step.dataset).format))
            elif step.register_model is not None:
                register = step.register_model
                steps.append(RegisterStep(name, "", source(register.model), source(register.metrics)))
            else:
                steps.append(self._command(scope, stages[name], final=final))
        return tuple(steps)

    def _command(self, scope: Scope, one: Stage, *, final: bool) -> CommandStep:
        files = sorted({f for pattern in one.spec.code for f in code_of(scope, pattern)})
        code = tuple((PurePosixPath(f).as_posix(), scope.files.content(f) if final else "") for f in files)
        return one.lower(self.parameters, code)


def _order(stages: Mapping[str, Stage]) -> tuple[str, ...]:
    return in_order({name: sorted(one.parents()) for name, one in stages.items()})
