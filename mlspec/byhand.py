"""What is run by hand: a pipeline with values of its own, the history of runs, and going on with one that was broken off."""

import json
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlspec.apply.definition import TYPES, as_run
from mlspec.apply.events import Event, Progress
from mlspec.backends.port import BackendError, Capability, PipelineTarget, Run, Tools
from mlspec.backends.runs import RunRecord
from mlspec.base.address import Address
from mlspec.base.dag import upstream
from mlspec.base.diag import known_names, problem
from mlspec.base.value import replace
from mlspec.documents.scalars import plain
from mlspec.ir.given import unfit
from mlspec.ir.workflow import Allowed, Workflow
from mlspec.keeping import Keeping, Ran
from mlspec.state.model import State
from mlspec.world import bench

Tell = Callable[[Event], None]


class ByHand(Keeping):
    """The part of a session that runs workflows by hand, on what was applied."""

    @abstractmethod
    def _address(self, text: str, state: State | None) -> Address:
        """The address that a text names. Raises Problems."""

    def runs(self, address: str | None = None) -> tuple[RunRecord, ...]:
        """The runs of a model or pipeline, or of all, that the target remembers; the newest first."""
        return self._historian.runs(self._address(address, None).name if address else "")

    def run_told(self, run: str) -> RunRecord:
        """All of one run. Raises BackendError."""
        return self._historian.told(run)

    def run_log(self, run: str, step: str) -> Path:
        """Where `step`, or `step[item]`, of a run writes its log. Raises BackendError."""
        name, _, item = step.removesuffix("]").partition("[")
        return self._historian.log(run, name, int(item) if item.isdigit() else None)

    def resume(self, run: str, *, on_event: Tell, explain: bool = False) -> Ran:
        """Go on with a run that was broken off or has failed. Raises Problems and BackendError."""
        record = self._historian.told(run)
        resources = self.compiled.desired.resources
        for address in (Address("model", record.workflow), Address("pipeline", record.workflow)):
            body = resources[address].body if address in resources else None
            if isinstance(body, Workflow):
                whole = body if body.run_on_apply else self._runnable(body, record.parameters)
                if replace(resources[address], body=whole).digest == record.digest:
                    tools = self._tools(address, whole, on_event, explain=explain)
                    return told(address, self.backends.pipelines.resume(record.id, whole, tools))
        what = f"nothing in the files is what run `{record.id}` of `{record.workflow}` was"
        raise BackendError(what, "run it anew: what is unchanged is taken from the cache", "not-resumable")

    def run_workflow(
        self, address: Address, body: Workflow, given: Mapping[str, str], on_event: Tell, *, explain: bool = False
    ) -> Ran:
        """Train a model, or run a pipeline that registers none; `given` are parameters as text."""
        if body.run_on_apply and given:
            raise problem(
                "meaningless-option",
                f"the parameters of `{address}` are those of its files: a version is known by them",
                help="change `parameters` of the model",
            )
        if not body.run_on_apply and body.register is not None:
            models = [
                str(r.address) for r in self.compiled.desired if isinstance(r.body, Workflow) and address in r.parents
            ]
            raise problem(
                "nothing-to-run",
                f"`{address}` is run for a model",
                help=f"run {' or '.join(f'`{m}`' for m in models) or 'a model that names it'}",
            )
        whole = body if body.run_on_apply else self._runnable(body, read_parameters(address, body, given))
        if body.run_on_apply:
            self._tell_of_changes(address, on_event)
        return told(address, self.backends.pipelines.run(whole, self._tools(address, whole, on_event, explain=explain)))

    def _tell_of_changes(self, address: Address, on_event: Tell) -> None:
        """A model is trained as the files describe it, which may be more than was applied."""
        record = self.recorded()[0].get(address)
        if record is None or record.digest != self.compiled.desired.resources[address].digest:
            since = "was not applied yet" if record is None else "has changed since it was applied"
            line = (
                f"{since}: it is trained as the files describe it now; `mlspec apply` makes that version what is used"
            )
            on_event(Progress(address, line))

    def _tools(self, address: Address, body: Workflow, on_event: Tell, *, explain: bool) -> Tools:
        parents = {r.address: r.parents for r in self.compiled.desired}
        for needed in sorted({*upstream(parents, parents[address]), *([] if body.run_on_apply else [address])}):
            self._need_applied(needed)
        work = bench(self.compiled.desired, self.backends, self.compiled)
        say = lambda line: on_event(Progress(address, line))  # noqa: E731
        lineage, certificates = work.lineage(body), work.certificates(body)
        return replace(Tools(work.export, self.backends.registry, say, lineage, certificates), explain=explain)

    def _runnable(self, body: Workflow, values: Mapping[str, Any]) -> Workflow:
        """A published definition with the digests that decide its results."""
        return as_run(body, self.compiled.desired, self.compiled.gathered.files.content, values)

    def _need_applied(self, address: Address) -> None:
        state, _ = self.recorded()
        record = state.get(address)
        if record is None:
            raise problem("not-applied", f"`{address}` has not been applied", help="run `mlspec apply`")
        if record.digest != self.compiled.desired.resources[address].digest:
            message = (
                f"`{address}` has changed since it was applied, and what is run by hand stands on what was applied"
            )
            raise problem(
                "not-applied", message, help="`mlspec plan` shows what has changed, `mlspec apply` makes it so"
            )

    @property
    def _historian(self) -> PipelineTarget:
        target = self.backends.pipelines
        if Capability.RUNS not in target.capabilities:
            name = self.backends.name("pipeline_target")
            raise BackendError(
                f"the pipeline target `{name}` keeps its own history of runs", "look there", "unknown-run"
            )
        return target


def told(address: Address, run: Run) -> Ran:
    """A finished run, as it is shown."""
    kind = "model" if run.version else "pipeline"
    return Ran(
        str(address), kind, run.steps, run.metrics, version=run.version.version if run.version else "", run=run.id
    )


def read_parameters(address: Address, body: Workflow, given: Mapping[str, str]) -> dict[str, Any]:
    """The values of parameters by their types: a string as it is, everything else as YAML reads it. Raises Problems."""
    defaults, known = dict(body.parameters), dict(body.allowed)
    found: dict[str, Any] = {}
    for name, text in given.items():
        if name not in defaults:
            help_ = known_names(name, defaults, "parameter")
            raise problem("unknown-parameter", f"`{address}` has no parameter `{name}`", help=help_)
        allowed = known.get(name) or Allowed(TYPES[type(json.loads(defaults[name]))])
        value = text if allowed.type == "string" else plain(text)
        if why := unfit(value, allowed):
            raise problem("invalid-parameter", f"`{name}`: {why}")
        found[name] = value
    return found
