"""The verbs, as one class; the only file that puts words, works and memory together."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mlspec import show
from mlspec.against import Against
from mlspec.agreeing import Agreeing, read_saved
from mlspec.apply.artifacts import all_rendered
from mlspec.apply.events import Event, Progress
from mlspec.backends.chosen import Backends
from mlspec.base.address import Address
from mlspec.base.diag import did_you_mean, known_names, problem
from mlspec.base.registry import Registry
from mlspec.base.value import replace
from mlspec.bookkeeping import addresses
from mlspec.choosing import needs_state, refactoring, selection
from mlspec.compile.again import compile_again
from mlspec.compile.cache import Cache
from mlspec.compile.gathered import Gathered
from mlspec.compile.lineage import Edge, edges, reach
from mlspec.compile.project import Compiled, compile_project
from mlspec.compile.request import Request
from mlspec.documents.project import PRIVATE, find_root
from mlspec.drifting import Drifting
from mlspec.ignoring import ignores, kept_back, told
from mlspec.importing import refuse_imports
from mlspec.ir.outside import Scan, Seen
from mlspec.ir.relation import Relation
from mlspec.judge import judged, refuse_retraining, refuse_unapproved, still_true
from mlspec.leaving import refuse_left_behind
from mlspec.ledger.claim import ALL
from mlspec.modelling import Modelling
from mlspec.plan.approval import counted
from mlspec.plan.bound import refuse_stale, reparented, touched_by
from mlspec.plan.change import Plan
from mlspec.plan.compatible import refuse_breaking
from mlspec.plan.diff import Reality, Wish, make_plan
from mlspec.plan.drift import expired
from mlspec.plan.file import SavedPlan, encode_saved
from mlspec.plan.moves import GONE
from mlspec.plan.select import Selection
from mlspec.plan.steps import with_artifacts
from mlspec.planned import Planned as Planned  # noqa: PLC0414 - who has a session finds it here
from mlspec.planned import Validated
from mlspec.promoting import Promoting
from mlspec.questions import Questions
from mlspec.restoring import Restoring
from mlspec.running import Running
from mlspec.state.model import State
from mlspec.versioned import refuse_unregistered, settled
from mlspec.world import (
    acceptances,
    bench,
    chosen_backends,
    look_outside,
    reality,
    refuse_unsupported,
    targets,
    today,
    versions_of,
)

if TYPE_CHECKING:  # start-up time: these bring pydantic, sqlglot and a YAML parser
    from mlspec.apply.run import Applied
    from mlspec.language.spec import Spec

_SELF = Address("project", "state")
_PATIENCE = 60.0
"""For how many seconds an apply waits at least for a warehouse that only one process can have."""
Look = Callable[[Gathered, str, Scan], Seen]
KINDS: "Registry[Spec]" = Registry("mlspec.kinds", "mlspec.language.spec.Spec")


class Session(Running, Drifting, Promoting, Restoring, Modelling, Questions, Agreeing, Against):
    """A project in one environment. Problems are raised as `Problems`, those of a backend as `BackendError`."""

    def __init__(self, start: Path, environment: str | None = None, variables: Mapping[str, Any] | None = None, *,
                 cache: bool = True) -> None:  # fmt: skip
        self.root = find_root(start)
        kept = cache and not os.environ.get("MLSPEC_NO_CACHE")
        self._cache = Cache(self.root / PRIVATE / "cache" / "facts.db") if kept else None
        self._asked, self._variables = environment, dict(variables or {})
        self._backends: Backends | None = None
        self._beside: dict[str, Session] = {}
        self._looked: list[tuple[Scan, Seen]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of every backend, and of what is kept between runs."""
        for other in self._beside.values():
            other.close()
        if self._cache is not None:
            self._cache.close()
        if self._backends is not None:
            self._backends.close()

    # -- what the parts are made of --------------------------------------------------------------------------------------

    @cached_property
    def compiled(self) -> Compiled:
        """The project, compiled once."""
        whole = partial(compile_project, self.root, KINDS, self._asked, self._variables, self._outside)
        if self._cache is None or self.tolerant:
            made = whole()
        else:
            request = Request(self._cache, self.root, KINDS, self._asked, self._variables, self._outside, whole)
            made = compile_again(request)
        if not ignores(made):
            return made
        self._open(made.gathered)
        kept = kept_back(made, self.recorded()[0])
        return replace(whole(kept=kept), ignored=told(kept)) if kept else made

    def _compiled_in(self, environment: str, outside: Look) -> Compiled:
        """The project in another environment, where `outside` looks at what sources read."""
        whole = partial(compile_project, self.root, KINDS, environment, {}, outside)
        if self._cache is None:
            return whole()
        return compile_again(Request(self._cache, self.root, KINDS, environment, {}, outside, whole))

    @property
    def environment(self) -> str:
        """The environment that is worked in."""
        return self.compiled.gathered.environment

    def elsewhere(self, environment: str) -> "Session":
        """A session of the same project in another environment; it is closed with this one."""
        return self._beside.setdefault(environment, Session(self.root, environment, cache=self._cache is not None))

    @property
    def backends(self) -> Backends:
        """The backends of the environment."""
        return self._backends or self._open(self.compiled.gathered)

    def _open(self, gathered: Gathered) -> Backends:
        if self._backends is None:
            self._backends = chosen_backends(gathered, self.root)
        return self._backends

    def _outside(self, gathered: Gathered, address: str, scan: Scan) -> Seen:
        """What a source reads, looked at while the project is compiled."""
        seen = look_outside(address, scan, self._open(gathered))
        self._looked.append((scan, seen))
        return replace(seen, problems=()) if self.tolerant else seen

    @cached_property
    def _physical(self) -> dict[str, str]:
        """From address to the version that should exist."""
        return versions_of(self.compiled.desired)

    # -- verbs -----------------------------------------------------------------------------------------------------------

    @staticmethod
    def init(folder: Path, template: str = "starter") -> tuple[str, ...]:
        """Write a project to begin with into a new or empty folder; the paths of its files."""
        from mlspec.starter import write_starter  # noqa: PLC0415 - start-up time

        return write_starter(folder, template)

    def validate(self) -> Validated:
        """Check everything that can be known without running anything."""
        from mlspec.validating import validate_others  # noqa: PLC0415 - start-up time: a plan looks at one environment

        kinds: dict[str, int] = {}
        for address in self.compiled.gathered.bound:
            kinds[address.kind] = kinds.get(address.kind, 0) + 1
        refuse_unsupported(self.compiled, self.backends, self._cache)
        others = validate_others(self.compiled, self.backends, self._looked, self._compiled_in, self._cache)
        warnings = tuple(dict.fromkeys([*self.compiled.warnings, *(w for one in others for w in one.warnings)]))
        return Validated(self.environment, dict(sorted(kinds.items())), warnings, others)

    def plan(
        self, *, select: Sequence[str] = (), exclude: Sequence[str] = (), replace: Sequence[str] = (), destroy: bool = False,
        refresh: bool = True, allow_breaking: bool = False,
    ) -> Planned:  # fmt: skip
        """What would change. Writes nothing."""
        refuse_unsupported(self.compiled, self.backends, self._cache)
        compiled = settled(self.compiled, self.backends)
        state, _ = self.recorded()
        again = selection(compiled, state, replace, ()).select or frozenset()
        refuse_retraining(compiled.desired, again)
        asked = selection(compiled, state, select, exclude)
        wish = Wish(asked.select, asked.exclude, again, destroy, refactoring(compiled))
        return self.plan_of(compiled, state, wish, refresh=refresh, allow_breaking=allow_breaking)

    def plan_of(self, compiled: Compiled, state: State, wish: Wish, *, refresh: bool = True,
                allow_breaking: bool = False) -> Planned:  # fmt: skip
        """The plan that leads to what was compiled, or to what stands in its place; judged by the policies."""
        compiled = settled(compiled, self.backends)
        looked = refresh and reality(compiled.desired, state, self.backends, acceptances(compiled), self._cache)
        made_by = targets(self.backends)
        plan = make_plan(compiled.desired, state, looked or Reality(), replace(wish, targets=made_by))
        refuse_left_behind(plan, state, made_by, self.backends)
        plan = replace(plan, notes=(*plan.notes, *compiled.ignored))
        if not allow_breaking:
            refuse_breaking(plan, compiled.place)
        self.backends.rest()
        return self._whole(plan, state, compiled)

    def _whole(self, plan: Plan, state: State, compiled: Compiled) -> Planned:
        """The plan with what it would make, judged by the policies."""
        refuse_imports(plan, compiled, self.backends)
        if not plan.back_to:
            refuse_unregistered(plan, compiled.desired, compiled, self.backends)
        made = {c.address for c in plan.changes if c.action not in GONE}
        physical = versions_of(compiled.desired)
        files = all_rendered(compiled.desired, self.backends, physical, made, compiled.ids)
        whole = with_artifacts(judged(plan, compiled, self.backends, state, today()), files.paths)
        told = (*still_true(compiled.warnings, state), *expired(acceptances(compiled), today()))
        return Planned(whole, compiled.desired, files, told)

    def save(self, planned: Planned, path: Path) -> None:
        """Save a plan to a file, whole: applying it compiles nothing."""
        path.write_text(encode_saved(SavedPlan(planned.plan, planned.desired, planned.artifacts)), "utf-8")

    def load(self, path: Path) -> Planned:
        """Read a saved plan; a stale one is refused."""
        saved = read_saved(path)
        if saved.plan.environment != self.environment:
            raise problem(
                "stale-plan",
                f"the plan is for environment `{saved.plan.environment}`",
                help=f"give `-e {saved.plan.environment}`",
            )
        refuse_stale(saved.plan, saved.desired, self.recorded()[0])
        given, void = counted(saved.approvals, saved.digest)
        return Planned(saved.plan, saved.desired, saved.artifacts, approvals=given, void=void)

    def apply(self, planned: Planned, *, parallelism: int = 4, approved_by: Sequence[str] = (), lock_timeout: float = 0.0,
              on_event: Callable[[Event], None]) -> "Applied":  # fmt: skip
        """Carry out a plan, under a claim on what it changes and relies on."""
        from mlspec.apply.run import apply  # noqa: PLC0415 - start-up time: a plan carries out nothing

        if planned.plan.refresh_only:
            return self.learn(planned.plan, lock_timeout)
        plan, desired = planned.plan, planned.desired
        refuse_unapproved(plan, (*approved_by, *(a.team for a in planned.approvals)), planned.void)
        state = self.recorded()[0]
        touched = touched_by(plan.changes, desired, state)
        written = addresses(touched.writes | set(reparented(desired, state)))
        writes = (ALL,) if plan.destroy and not plan.skipped else written

        def say(line: str) -> None:
            on_event(Progress(plan.changes[0].address if plan.changes else _SELF, line))

        self.backends.engine.await_turn(max(lock_timeout, _PATIENCE), say)
        about = self.about | self.base(desired, state)
        with self.ledger.run(
            "destroy" if plan.destroy else "rollback" if plan.back_to else "apply",
            writes,
            addresses(touched.reads),
            wait=lock_timeout,
            about=about,
            say=say,
        ) as run:
            refuse_stale(plan, desired, run.state)
            tools = bench(desired, self.backends, self.compiled)
            applied = apply(plan, desired, run.state, tools, parallelism=parallelism, write=run.record, notify=on_event)
            failed = [{"address": str(f.address), "message": f.message, "code": f.code} for f in applied.failed]
            if run.begun or failed:
                run.end(
                    "applied" if applied.ok else "failed",
                    failed=failed,
                    skipped=[*(str(w.address) for w in applied.waiting), *(str(s.address) for s in applied.skipped)],
                )
        return replace(applied, state=run.now())

    def render(self, select: Sequence[str] = (), exclude: Sequence[str] = ()) -> Mapping[str, str]:
        """Every artifact of every backend, by path."""
        refuse_unsupported(self.compiled, self.backends, self._cache)
        asked = self.selection(select, exclude)
        desired = settled(self.compiled, self.backends).desired
        made = {a for a in desired.resources if asked.holds(a)}
        return dict(all_rendered(desired, self.backends, self._physical, made))

    def show(
        self, address: str | None = None, last: int = 5, *, select: Sequence[str] = (), exclude: Sequence[str] = ()
    ) -> Any:
        """All resources in short, or one in full, with as many of the last runs of its checks."""
        state, _ = self.recorded()
        if address is None:
            compiled = settled(self.compiled, self.backends)
            asked = selection(compiled, state, select, exclude)
            lines = show.listing(compiled, state)
            return [line for line in lines if asked.holds(Address.parse(line["address"]))]
        wanted = self._address(address, state)
        checked = wanted.kind in {"source", "feature_view"}
        checks = self.backends.engine.results(str(wanted.whole), last) if checked else ()
        versions = self.backends.registry.versions(wanted.name) if wanted.kind == "model" else ()
        found = show.whole(settled(self.compiled, self.backends), state, wanted, checks, versions) | self.parts_of(
            wanted
        )
        certificate = self._certified(wanted) if wanted.kind == "dataset" and state.get(wanted) else None
        return found | ({"certificate": show.in_short(certificate)} if certificate else {})

    def lineage(self, what: str, *, downstream: bool = False, columns: bool = True) -> tuple[Edge, ...]:
        """The edges that lead to a resource or a column of it, or away from it, nearest first."""
        resource = ".".join(what.split(".")[:2])
        self._address(resource, None)
        found = edges(self.compiled.desired, columns=columns and "." in what)
        reached = reach(found, what, downstream=downstream)
        if not reached and what.count(".") > 1:
            body = self.compiled.desired.resources[Address.parse(resource)].body
            names = body.names if isinstance(body, Relation) else ()
            if what.split(".", 2)[2] not in names:
                raise problem(
                    "unknown-column",
                    f"`{resource}` has no column `{what.split('.', 2)[2]}`",
                    help=known_names(what.split(".", 2)[2], names, "column"),
                )
        return reached

    @staticmethod
    def schema(what: str | None = None) -> dict[str, Any]:
        """The JSON Schema of every document, of a kind, of a `plan` or of a `state`."""
        from mlspec.schemas import schema  # noqa: PLC0415 - start-up time

        return schema(KINDS, what)

    # -- pieces ----------------------------------------------------------------------------------------------------------

    def _address(self, text: str, state: State | None) -> Address:
        known: dict[str, Address] = {
            str(a): a
            for a in (
                *self.compiled.gathered.bound,
                *self.compiled.desired.resources,
                *(state.records if state else ()),
            )
        }
        if text not in known:
            whole = " or ".join(f"`{k}`" for k in sorted(known) if k.partition(".")[2] == text)
            meant = f"did you mean {whole}?" if whole else did_you_mean(text, known)
            raise problem("unknown-address", f"there is no `{text}`", help=meant or "`mlspec show` lists what there is")
        return known[text]

    def selection(self, select: Sequence[str], exclude: Sequence[str]) -> Selection:
        """What selectors ask for; the state is read only where they ask for it."""
        state = self.recorded()[0] if needs_state((*select, *exclude)) else None
        return selection(self.compiled, state, select, exclude)
