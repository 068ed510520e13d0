"""What happens during an apply: a line for each event, and on a terminal what is running now."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mlspec.apply.events import Done, Event, Failed, Progress, Skipped, Started, Waiting
from mlspec.base.diag import Diagnostic
from mlspec.cli.views import diagnostics
from mlspec.cli.views.diagnostics import Sources
from mlspec.cli.views.reasons import ACTIONS
from mlspec.cli.views.terminal import Look, Screen
from mlspec.cli.views.values import some, took

if TYPE_CHECKING:  # start-up time: it brings all that an apply needs
    from mlspec.apply.run import Applied

_TICK, _HEARTBEAT = 0.25, 10.0
"""Seconds between two looks at the status line of a terminal, and between two lines that say a run is alive."""
_WORTH_SAYING = 0.05


class Narrator:
    """Tells events as they come, from any thread; a context manager, for the line that shows what is running."""

    def __init__(
        self, screen: Screen, clock: Callable[[], float] = time.monotonic, sources: Sources | None = None
    ) -> None:
        self._screen, self._clock, self._sources = screen, clock, sources or Sources()
        self._running: dict[str, tuple[str, float]] = {}
        self._quiet_since = clock()
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._ticker.join()
        if self._screen.interactive:
            self._screen.status("")

    def __call__(self, event: Event) -> None:
        """Tell one event."""
        with self._lock:
            address = str(event.address)
            if isinstance(event, Started):
                self._running[address] = (event.action.word, self._clock())
            elif not isinstance(event, Progress):
                self._running.pop(address, None)
            if self._screen.interactive:
                self._screen.status("")
            self._screen.show(line(event, self._screen.look, self._sources, alone=len(self._running) < 2))  # noqa: PLR2004 - itself
            self._quiet_since = self._clock()

    def alive(self) -> None:
        """Show what is running: on a terminal now, elsewhere when nothing was said for a while."""
        with self._lock:
            now = self._clock()
            said = [f"{a} ({took(now - since)})" for a, (_, since) in self._running.items()]
            if self._screen.interactive:
                self._screen.status(f"running: {some(said, 3)}" if said else "")
            elif said and now - self._quiet_since >= _HEARTBEAT:
                self._screen.show(f"still running: {some(said, 3)}")
                self._quiet_since = now

    def _tick(self) -> None:
        while not self._stop.wait(_TICK):
            self.alive()


def line(event: Event, look: Look, sources: Sources | None = None, *, alone: bool = True) -> str:
    """One event as text; progress names its address only where others run beside it."""
    match event:
        case Started():
            _, _, doing, _, color = ACTIONS[event.action.word]
            return f"{event.address}: {look.paint(doing, color)}…"
        case Progress():
            return f"    {event.line}" if alone else f"    {event.address}: {event.line}"
        case Done():
            what = look.paint(ACTIONS[event.action.word][3], "green")
            when = f" in {took(event.seconds)}" if event.seconds >= _WORTH_SAYING else ""
            notes = f" [{'; '.join(event.notes)}]" if event.notes else ""
            return f"{event.address}: {what}{when}{notes}"
        case Skipped():
            return (
                f"{event.address}: {look.paint('skipped', 'yellow')}, because {event.because} {'is not there yet' if event.later else 'failed'}"
                + (f"; {event.note}" if event.note else "")
            )
        case Waiting():
            return f"{event.address}: {look.paint('waits', 'yellow')}: {event.message}; {event.help}"
        case Failed():
            return diagnostics.as_text([of_failure(event)], sources or Sources(), look)


def of_failure(failed: Failed) -> Diagnostic:
    """A failure of a change as a problem."""
    return Diagnostic(failed.code, f"{failed.address}: {failed.message}", failed.span, help=failed.help)


def applied(found: "Applied") -> str:
    """`Applied: 3 created, 1 rebuilt.`."""
    failed, skipped = found.failed, found.skipped
    counts = by_action(found.done)
    parts = [f"{counts[a]} {words[3]}" for a, words in ACTIONS.items() if counts.get(a)]
    if found.ok:
        later = [*(str(w.address) for w in found.waiting), *(str(s.address) for s in skipped)]
        wait = f" Not there yet, and found by a later apply: {', '.join(later)}." if later else ""
        return f"Applied: {', '.join(parts) or 'nothing'}.{wait}"
    parts += [f"{len(failed)} failed"] * bool(failed) + [f"{len(skipped)} skipped"] * bool(skipped)
    return f"Not everything was applied: {', '.join(parts)}. What was done is recorded; plan again for the rest."


def by_action(done: Sequence[Done]) -> Mapping[str, int]:
    """How many changes were made of each action."""
    counts: dict[str, int] = {}
    for event in done:
        counts[event.action.word] = counts.get(event.action.word, 0) + 1
    return counts


def applied_data(found: "Applied") -> dict[str, object]:
    """The result of an apply for programs."""
    done, failed, skipped = found.done, found.failed, found.skipped
    return {
        "ok": found.ok,
        "done": [{"address": str(d.address), "action": d.action.word, "seconds": round(d.seconds, 3), "notes": list(d.notes)} for d in done],
        "failed": [{"address": str(f.address), "code": f.code, "message": f.message, "help": f.help,
                    "place": str(f.span) if f.span else None} for f in failed],
        "skipped": [{"address": str(s.address), "because": str(s.because)} | ({"note": s.note} if s.note else {}) for s in skipped],
        "waiting": [{"address": str(w.address), "code": w.code, "message": w.message, "help": w.help} for w in found.waiting],
    }  # fmt: skip
