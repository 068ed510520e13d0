"""Who changes what now: claims on addresses, of which several can be held at a time as long as they do not meet."""

import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mlspec.backends.port import BackendError
from mlspec.backends.state_store import StateStore, Taken
from mlspec.base.value import asdict, dataclass, fields, replace
from mlspec.ledger.patience import read, write

ALL = "*"
"""Among what is written: everything, whatever it is called."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 1.0
_SHOWN = 3


@dataclass(frozen=True)
class Claim:
    """A run: who and where, since when (ISO 8601, UTC) and why; the addresses that it writes, and those that it relies on.

    `since` is the serial of the state before it: the journal is kept from there on. `process` tells the process from every
    other that this machine has run since it was started; it is empty where that cannot be known.
    """

    id: str
    who: str
    host: str
    pid: int
    when: str
    why: str
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    since: int = 0
    process: str = ""
    heir: str = ""
    """Tells apart those who take it over from a process that is gone."""

    @property
    def gone(self) -> bool:
        """Whether the process is certainly not running any more."""
        place, _, begun = self.process.rpartition(" ")
        return bool(place) and place == _place() and not _runs(self.pid, begun)

    def meets(self, other: "Claim") -> tuple[str, ...]:
        """What cannot be done by both at a time."""
        mine, its = set(self.writes), set(other.writes)
        if ALL in mine or ALL in its:
            return (ALL,)
        return tuple(sorted((mine & its) | (mine & set(other.reads)) | (its & set(self.reads))))


class Claimed(BackendError):
    """Somebody else is changing the same things."""

    def __init__(self, holder: Claim, met: tuple[str, ...]) -> None:
        self.holder = holder
        what = "the state" if met == (ALL,) else _some(met)
        where = f"{holder.who}@{holder.host} (process {holder.pid})"
        message = f"{what} {'is' if len(met) == 1 else 'are'} claimed by {where} since {holder.when} for `{holder.why}`"
        help_ = f"wait for it with `--lock-timeout 5m`, or, if it is certainly not running any more, `mlspec state unlock {holder.id}`"
        super().__init__(message, help_, "state-locked")


class ClaimLost(BackendError):
    """Our own claim was broken while we worked."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(
            f"the claim `{claim.id}` of this `{claim.why}` was broken by somebody else: nothing more is started",
            "plan again: what was done and is not recorded is found out then",
            "claim-lost",
        )


def _some(addresses: Iterable[str]) -> str:
    named = [f"`{a}`" for a in addresses]
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return ", ".join(named[:_SHOWN]) + more


def new_claim(why: str, writes: Iterable[str], reads: Iterable[str], since: int) -> Claim:
    """A claim of this process."""
    written = tuple(sorted(set(writes)))
    return Claim(
        os.urandom(8).hex(), _user(), os.uname().nodename, os.getpid(), utc(time.time()), why,
        written, tuple(sorted(set(reads) - set(written))), since, f"{_place()} {_begun(os.getpid())}" if _place() else "",
    )  # fmt: skip


def claims(store: StateStore) -> tuple[Claim, ...]:
    """The claims that are held now."""
    kept = read(store, "claims")
    return _decode(kept.text) if kept else ()


def take(store: StateStore, claim: Claim, wait: float, say: Callable[[str], None]) -> None:
    """Hold the claim, waiting at most so many seconds for others that meet it. Raises Claimed."""
    deadline, pause, told = time.monotonic() + wait, _FIRST_PAUSE, ""
    while True:
        kept = read(store, "claims")
        held = _decode(kept.text) if kept else ()
        others = [(c, met) for c in held if (met := claim.meets(c))]
        if not others:
            try:
                write(store, "claims", _encode((*held, claim)), kept.tag if kept else None)
            except Taken:
                continue
            return
        left = deadline - time.monotonic()
        if left <= 0 or others[0][0].gone:
            raise Claimed(*others[0])
        if told != others[0][0].id:
            told = others[0][0].id
            say(f"waiting: {Claimed(*others[0])}")
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def take_over(store: StateStore, dead: Claim) -> Claim | None:
    """Make the claim of a process that is gone one of this process; None when somebody else was faster."""
    me = new_claim("", (), (), 0)
    mine = replace(dead, pid=me.pid, host=me.host, process=me.process, heir=me.id)
    return mine if _change(store, dead, (mine,)) else None


def release(store: StateStore, claim: Claim) -> bool:
    """Hold it no more; whether it was held."""
    return _change(store, claim, ())


def _change(store: StateStore, claim: Claim, to: tuple[Claim, ...]) -> bool:
    while True:
        kept = read(store, "claims")
        held = _decode(kept.text) if kept else ()
        if kept is None or claim not in held:
            return False
        try:
            write(store, "claims", _encode((*(c for c in held if c != claim), *to)), kept.tag)
        except Taken:
            continue
        return True


def _encode(held: Iterable[Claim]) -> str:
    return json.dumps({"format_version": 1, "claims": [asdict(c) for c in held]}, indent=1, ensure_ascii=False) + "\n"


def _decode(text: str) -> tuple[Claim, ...]:
    names = {f.name for f in fields(Claim)}
    try:
        found: Any = json.loads(text)["claims"]
        listed: list[dict[str, Any]] = [
            {k: tuple(v) if isinstance(v, list) else v for k, v in c.items() if k in names} for c in found
        ]
        return tuple(Claim(**c) for c in listed)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BackendError(
            "the claims of the state are damaged",
            "when nothing is being applied, remove them: `mlspec state unlock all`",
            "state-damaged",
        ) from None


def clear(store: StateStore) -> None:
    """Hold nothing, whatever was held; for claims that cannot be read."""
    kept = read(store, "claims")
    if kept is not None:
        write(store, "claims", _encode(()), kept.tag)


def utc(seconds: float) -> str:
    """A time as ISO 8601 in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _user() -> str:
    import getpass  # noqa: PLC0415 - start-up time

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid-{os.getuid()}"


def _place() -> str:
    """The machine since it was started, and the room for process numbers; empty where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116 - a link to no file
    except OSError:
        return ""


def _begun(pid: int) -> str:
    """When a process was begun, in the ticks of the system; its state when it has ended; empty when it is not seen."""
    try:
        about = Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return about[0] if about[0] in {"Z", "X"} else about[19]


def _runs(pid: int, begun: str) -> bool:
    if found := _begun(pid):
        return found == begun
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it is there, and not ours to look at
    return True
