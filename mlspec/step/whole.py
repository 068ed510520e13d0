"""What a step needs the whole project for: to write a dataset, and to register a model. The image holds both."""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlspec.backends.pipelines._local.outputs import BadOutput, Output, read_metrics
from mlspec.backends.pipelines._local.register import register as register_version
from mlspec.backends.pipelines._step.task import Task
from mlspec.backends.port import BackendError, Tools
from mlspec.base.address import Address
from mlspec.base.diag import Problems
from mlspec.base.folder import digest_path
from mlspec.ir.resource import Resource
from mlspec.ir.workflow import DatasetStep, RegisterStep, Workflow
from mlspec.session import Session
from mlspec.step.failed import Failed
from mlspec.world import bench

_PATIENCE = 600.0
"""For how many seconds a step waits for a warehouse that only one process can have."""


def export(task: Task, project: Path, folder: Path) -> None:
    """Write the dataset of a step into a folder. Raises Failed where the project does not describe what was planned."""
    step = task.step
    assert isinstance(step, DatasetStep)  # noqa: S101 - the caller has looked
    with _session(task, project) as session:
        same = [s for s in _workflow(task, session).steps if s == step]
        if not same:
            raise Failed(_otherwise(task))
        _need_applied(session, Address.parse(step.relation))
        session.backends.engine.await_turn(_PATIENCE, _say)
        work = bench(session.compiled.desired, session.backends, session.compiled)
        with _writable(session) as inside:
            work.export(step, inside or folder)
            if inside is not None:
                shutil.copytree(inside, folder, dirs_exist_ok=True)


def register(task: Task, project: Path, model: Path, metrics: Path) -> None:
    """Register what was trained, unless a gate is not met. Raises Failed."""
    step = task.step
    assert isinstance(step, RegisterStep)  # noqa: S101 - the caller has looked
    with _session(task, project) as session:
        body = _workflow(task, session) if task.trained else _made_by(task, session)
        wanted = step if task.trained else body.register
        if wanted is None or (task.trained and (body.version, body.register) != (task.version, step)):
            raise Failed(_otherwise(task))
        if _values(body) != _values(task.as_workflow):
            raise Failed(f"this run has other parameters than version {body.version[:8]} of model `{wanted.model}`")
        work = bench(session.compiled.desired, session.backends, session.compiled)
        tools = Tools(work.export, session.backends.registry, _say, work.lineage(body), work.certificates(body))
        try:
            measured = read_metrics("metrics", metrics)
        except BadOutput as error:
            raise Failed(str(error)) from None
        version = register_version(wanted, body, tools, Output(model, digest_path(model)), measured)
        session.backends.registry.adopt(version.model)
        _say(f"{step.name}: registered version {version.version[:8]} of model `{version.model}`")


@contextmanager
def _session(task: Task, project: Path) -> Iterator[Session]:
    """The project in the environment of the task; its problems as one that a log can show."""
    try:
        with Session(project, task.environment or None, cache=False) as session:  # an image may not be written to
            yield session
    except Problems as error:
        lines = "\n".join(f"  {d.code}: {d.message}" for d in error.diagnostics)
        raise Failed(f"the project in {project} has problems:\n{lines}") from None
    except BackendError as error:
        raise Failed(f"{error}" + (f"\nhelp: {error.help}" if error.help else "")) from None


@contextmanager
def _writable(session: Session) -> Iterator[Path | None]:
    """A folder in the project, which is where an embedded engine may write; none where the project itself cannot be written to."""
    try:
        session.backends.place.private.mkdir(parents=True, exist_ok=True)
        made = tempfile.TemporaryDirectory(prefix="step-", dir=session.backends.place.private)
    except OSError:
        yield None
        return
    with made as inside:
        yield Path(inside)


def _workflow(task: Task, session: Session) -> Workflow:
    address = Address("model" if task.trained else "pipeline", task.workflow)
    found = session.compiled.desired.get(address)
    if found is None or not isinstance(found.body, Workflow):
        raise Failed(_otherwise(task))
    return found.body


def _made_by(task: Task, session: Session) -> Workflow:
    """The one model that this run of a pipeline has made: the one with the parameters of the run."""
    pipeline = Address("pipeline", task.workflow)
    models = [r for r in session.compiled.desired if pipeline in r.parents and isinstance(r.body, Workflow)]
    found = [b for r in models if isinstance(b := r.body, Workflow) and _values(b) == _values(task.as_workflow)]
    if len(found) != 1:
        listed = ", ".join(f"`{r.address}`" for r in models) or "none"
        raise Failed(
            f"which model a run of pipeline `{task.workflow}` makes must follow from its parameters; with those of this run there are "
            f"{len(found)} (models of the pipeline: {listed})"
        )
    _need_fresh(session, next(r for r in models if r.body is found[0]))
    return found[0]


def _values(workflow: Workflow) -> dict[str, object]:
    return {name: json.loads(text) for name, text in workflow.parameters}


def _need_fresh(session: Session, model: Resource) -> None:
    for parent in model.parents:
        if parent.kind == "dataset":
            _need_applied(session, parent)


def _need_applied(session: Session, address: Address) -> None:
    """A run works on what was applied: what the files describe by now may not have been built."""
    state, _ = session.recorded()
    record = state.get(address)
    if record is None or record.digest != session.compiled.desired.resources[address].digest:
        raise Failed(f"`{address}` as the project describes it has not been applied; run `mlspec apply` first")


def _otherwise(task: Task) -> str:
    kind = "model" if task.trained else "pipeline"
    return (
        f"the project describes `{kind}.{task.workflow}` otherwise than it was rendered: build the image from the revision that was "
        "applied, and render again"
    )


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
