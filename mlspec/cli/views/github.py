"""Problems as annotations of GitHub Actions.

Source: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from collections.abc import Sequence

from mlspec.base.diag import Diagnostic
from mlspec.cli.views.diagnostics import Sources


def as_commands(found: Sequence[Diagnostic], sources: Sources) -> str:
    """One workflow command a line; files are named as seen from the current folder, which is the checkout."""
    return "\n".join(_command(d, sources) for d in found)


def _command(problem: Diagnostic, sources: Sources) -> str:
    where = []
    if problem.span is not None:
        file = sources.shown(problem.span.file)
        where = [f"file={_property(file)}", f"line={problem.span.line}", f"col={problem.span.column}"]
    where.append(f"title={_property(problem.code)}")
    text = problem.message + (f"\nhelp: {problem.help}" if problem.help else "")
    return f"::{problem.severity} {','.join(where)}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
