"""A step that several pipelines use: a command with declared inputs, parameters and outputs."""

from collections.abc import Iterator

from mlspec.base.diag import Diagnostic
from mlspec.base.digest import digest
from mlspec.ir.fact import Fact
from mlspec.ir.later import described
from mlspec.ir.resource import Body
from mlspec.ir.workflow import OutputType
from mlspec.kinds._work import StepParameterSpec, Work, code_of
from mlspec.language.scope import Scope
from mlspec.language.spec import Spec
from mlspec.language.words import Name


class Step(Spec, Work):
    """A pipeline says `use: name`, where the inputs come from, and what it wants otherwise."""

    command: str | tuple[str, ...]
    inputs: dict[Name, OutputType] = {}
    parameters: dict[Name, StepParameterSpec] = {}

    def check(self, scope: Scope) -> Iterator[Diagnostic]:
        for name, parameter in self.parameters.items():
            if wrongs := list(parameter.unsound()):
                yield from (wrong.found(scope, "parameters", name) for wrong in wrongs)
            elif parameter.default is not None and (problem := parameter.problem(parameter.default)):
                message = f"the default of `{name}`: {problem}"
                yield scope.error("invalid-parameter", message, "parameters", name, "default")
        yield from (wrong.found(scope) for wrong in self.unsound())
        for path in self.code:
            if not code_of(scope, path):
                yield scope.error("missing-file", f"no file matches `{path}`", "code")

    def lower(self, scope: Scope) -> Iterator[tuple[str, Body]]:
        """A fact: it is run where a pipeline uses it."""
        declared = {n: (described(p.allowed), p.default) for n, p in self.parameters.items()}
        yield "", Fact((("work", digest(described(self.work("", ())), sorted(self.code), self.inputs, declared)),))
