"""Templates: SQL of those who ask for it by the ending `.sql.j2`, sandboxed, strict, seeing only variables; and pages of ours."""

from collections.abc import Mapping
from typing import Any


class TemplateProblem(Exception):
    """A template that cannot be rendered; `line` starts at 1."""

    def __init__(self, message: str, line: int) -> None:
        self.line = line
        super().__init__(message)


def render(text: str, variables: Mapping[str, Any], environment: str) -> str:
    """The text with `vars` and `environment` put in. Raises TemplateProblem."""
    import jinja2  # noqa: PLC0415 - loaded only by projects that have templates
    import jinja2.sandbox  # noqa: PLC0415

    sandbox = jinja2.sandbox.ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False)
    try:
        return sandbox.from_string(text).render(vars=dict(variables), environment=environment)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateProblem(str(error.message), error.lineno) from None
    except (jinja2.TemplateError, ArithmeticError, TypeError, ValueError) as error:
        raise TemplateProblem(str(error), _line(error)) from None


def page(text: str, values: Mapping[str, Any]) -> str:
    """A page of HTML from a template of ours; every value is escaped."""
    import jinja2  # noqa: PLC0415 - as above

    made = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True)
    return made.from_string(text).render(values)


def _line(error: BaseException) -> int:
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
