"""Applies that are broken off at chosen places and at any moment; after each, what must be true whatever happened.

A place to break at is a call of the state store or of the engine: before it, or after it with its answer lost. In this
process, everything that is called afterwards breaks too, so that nothing can be put in order on the way out. Other
processes end by `os._exit` at such a place, or are killed at a random moment. A proxy before a server cuts the line, or
lets it hang, after any number of bytes.
"""

import contextlib
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import servers
import stores
from small_projects import write_csv, write_project

from mlspec.ledger import ledger as ledger_module
from mlspec.session import Session

SALES = {"id": "int64", "shop": "int64", "at": "timestamp", "paid": "int64"}
REPOSITORY = Path(__file__).parents[2]


def documents(version: int) -> list[dict]:
    """A small project in versions that differ in all that can be done: created, changed, built anew, deleted, described."""
    even = version % 2 == 0
    view = {"kind": "feature_view", "entities": ["shop"], "event_time": "at", "tie_break": "id"}
    found = [
        {"kind": "team", "name": "data", "role": "data_engineering", "description": f"version {version}"},
        {"kind": "entity", "name": "shop", "keys": {"shop": "int64"}},
        {"kind": "source", "name": "sales", "files": "sales.csv", "columns": SALES, "event_time": "at"},
        {**view, "name": "base", "sql": f"SELECT shop, at, id, paid FROM sales WHERE paid > {version % 3}", "checks": [{"not_null": ["paid"]}]},
        {**view, "name": "derived", "sql": f"SELECT shop, at, id, paid * {2 + version % 3} AS times FROM base", "materialize": "table"},
        {**view, "name": "old" if even else "new", "sql": "SELECT shop, at, id, paid AS plain FROM base"},
        {"kind": "feature_set", "name": "chosen", "features": ["derived.times", *(["old.plain"] if even else [])]},
    ]  # fmt: skip
    return found if even else [d for d in found if d["kind"] != "team"]


class Crash(BaseException):
    """This process has ended, as far as anybody outside can see."""


class Fuse:
    """Counts calls of what it is put around; at the call that it is set for, and after it, nothing works any more."""

    def __init__(self, at: int = -1, end=None) -> None:
        self.at, self.count, self.end = at, 0, end
        self.lock = threading.Lock()

    def around(self, thing, names):
        return _Fused(thing, frozenset(names), self)

    def before(self) -> None:
        with self.lock:
            self.count += 1
            if 0 <= self.at < self.count:
                if self.end:
                    self.end()
                raise Crash

    after = before


class _Fused:
    def __init__(self, thing, names, fuse) -> None:
        self.__dict__.update(_thing=thing, _names=names, _fuse=fuse)

    def __setattr__(self, name, value) -> None:
        setattr(self._thing, name, value)

    def __getattr__(self, name):
        found = getattr(self._thing, name)
        if name not in self._names:
            return found

        def call(*args, **more):
            self._fuse.before()
            answer = found(*args, **more)
            self._fuse.after()
            return answer

        return call


STORE = {"read", "write", "append", "lines", "trim", "names"}
ENGINE = {"build", "point", "remove", "check"}


def fused(session: Session, fuse: Fuse) -> None:
    backends = session.backends
    session.ledger.store = fuse.around(backends.store, STORE)
    backends._made |= {
        "state_store": fuse.around(backends.store, STORE),
        "engine": fuse.around(backends.engine, ENGINE),
    }


class Proxy:
    """A line to a server that can be cut or hang: at once, or after so many bytes more."""

    def __init__(self, port: int) -> None:
        self.target, self.left, self.mode = port, None, ""
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, mode: str, after: int) -> None:
        """`cut` or `hang` once so many bytes more have passed."""
        with self._lock:
            self.left, self.mode = after, mode

    def mend(self) -> None:
        with self._lock:
            self.left, self.mode = None, ""
            left, self._open = self._open, set()
        for one in left:
            _close(one)

    def close(self) -> None:
        self.mend()
        _close(self._listener)

    @property
    def broken(self) -> bool:
        return self.left is not None and self.left <= 0

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.broken and self.mode == "cut":
                _close(near)
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                _close(near)
                continue
            with self._lock:
                self._open |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := one.recv(65536):
                with self._lock:
                    if self.left is not None:
                        chunk, self.left = chunk[: max(self.left, 0)], self.left - len(chunk)
                if chunk:
                    other.sendall(chunk)
                while self.broken and self.mode == "hang":
                    time.sleep(0.02)
                if self.broken:
                    break
        for end in (one, other):
            _close(end)


def _close(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


PATIENT, HASTY = {"patience": 5.0, "timeout": 30.0}, {"patience": 0.3, "timeout": 1.0}
"""How long a store is waited for: where the line is whole, as long as a busy machine may take; where it is cut, not long."""


class Trial:
    """A project whose state is kept in one kind of store, and what was done to it so far."""

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.root, self.version, self.proxy = name, root, 0, None
        self.options = stores.options(name, stores.fresh()) | ({} if name == "file" else PATIENT)
        if name != "file":
            self._behind_proxy()
        write_csv(
            root / "sales.csv", SALES, [[i, i % 3, f"2024-01-{1 + i % 27:02} 00:00:00", i % 5] for i in range(12)]
        )
        self.write()

    def _behind_proxy(self) -> None:
        if self.name == "postgres":
            server = servers.postgres()
            self.proxy = Proxy(server.port)
            self.options["dsn"] = f"host=127.0.0.1 port={self.proxy.port} user={server.user} dbname=postgres"
        else:
            self.proxy = Proxy(int(stores.s3().rpartition(":")[2]))
            self.options["endpoint"] = f"http://127.0.0.1:{self.proxy.port}"

    def write(self, **options: float) -> None:
        write_project(self.root, documents(self.version), state_store={"type": self.name, **self.options, **options})

    def next(self) -> None:
        self.version += 1
        self.write()

    # -- ways to break an apply off ------------------------------------------------------------------------------------

    def crash(self, at: int) -> bool:
        """Break an apply off at a place in this process; whether it came to that place."""
        fuse = Fuse(at)
        crashed = False
        with Session(self.root) as session:
            planned = session.plan()
            fused(session, fuse)
            try:
                session.apply(planned, parallelism=2, on_event=lambda _: None)
            except Crash:
                crashed = True
            session.backends._made |= {n: b._thing for n, b in session.backends._made.items() if isinstance(b, _Fused)}
        with Session(self.root) as session:  # nobody works under these claims any more
            ledger_module._ABANDONED.update(ledger_module._key(c) for c in session.ledger.claims())
        return crashed

    def process(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(self.root), *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *(p for p in sys.path if p)])},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def exit(self, at: int) -> bool:
        """As `crash`, in a process of its own that ends there by `os._exit`."""
        running = self.process(str(at))
        said, _ = running.communicate(timeout=120)
        assert running.returncode in {0, 9}, said
        return running.returncode == 9

    def kill(self, dice: random.Random) -> bool:
        """Kill a process of its own at a random moment of its apply."""
        running = self.process("-1")
        lines = dice.randrange(1, 20)
        for _ in range(lines):
            if not running.stdout.readline():
                break
        time.sleep(dice.uniform(0, 0.03))
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=60)
        return running.returncode == -signal.SIGKILL

    def cut(self, mode: str, after: int) -> bool:
        """Cut the line to the store after so many bytes of an apply; whether it was cut before the end."""
        self.write(**HASTY)
        with Session(self.root) as session:
            planned = session.plan()
            self.proxy.cut(mode, after)
            with contextlib.suppress(Exception):
                session.apply(planned, parallelism=2, on_event=lambda _: None)
            was = self.proxy.broken
            self.proxy.mend()
        self.write()
        return was

    # -- what must be true afterwards ----------------------------------------------------------------------------------

    def converge(self) -> None:
        """The next apply brings about what the files say."""
        with Session(self.root) as session:
            session.settle(lambda _: None)
            done = session.apply(session.plan(), on_event=lambda _: None)
            assert done.ok, (done.failed, done.skipped)

    def check(self) -> None:
        """Nothing is lost, nothing is there twice, nothing is left to do, and the history tells all of it."""
        with Session(self.root) as session:
            assert not session.plan().plan.changes
            state, desired = session.recorded()[0], session.compiled.desired
            assert {r.address: r.digest for r in state} == {r.address: r.digest for r in desired}
            assert {r.address: r.parents for r in state} == {r.address: r.parents for r in desired}
            assert {str(r.address): r.words for r in state} == {str(r.address): dict(r.words) for r in desired}
            assert session.ledger.claims() == ()
            assert not session.ledger.rescue.runs()
            observed = session.backends.engine.observe()
            wanted = {str(r.address): r.outputs["version"] for r in state if r.form == "relation"}
            assert dict(observed.pointers) == wanted
            assert set(observed.versions) >= set(wanted.values())
            self._history(session, state)
        with duckdb.connect(str(self.root / ".mlspec" / "warehouse.duckdb"), read_only=True) as warehouse:
            there = (
                "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'mlspec_data' AND NOT starts_with(table_name, '_') "
                "UNION ALL SELECT view_name FROM duckdb_views() WHERE schema_name = 'mlspec_data'"
            )
            found = [n for (n,) in warehouse.execute(there).fetchall()]
            kept = warehouse.execute("SELECT version FROM mlspec_data._versions").fetchall()
            times = warehouse.execute("SELECT times FROM dev.derived ORDER BY times").fetchall()
        assert sorted(found) == sorted(v for (v,) in kept)
        least, factor = self.version % 3, 2 + self.version % 3
        assert [t for (t,) in times] == sorted(i % 5 * factor for i in range(12) if i % 5 > least)

    @staticmethod
    def _history(session: Session, state) -> None:
        past = session.history()
        assert [p.number for p in past] == list(range(1, len(past) + 1))
        assert len({p.run for p in past}) == len(past)
        spans = sorted(p.serials for p in past)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
        after = session.applied_after(past[-1].number)
        assert {r.address: r.digest for r in after} == {r.address: r.digest for r in state}


def main() -> None:
    """Apply as another process would, and end at a place: `crashes.py FOLDER PLACE`."""
    root, at = Path(sys.argv[1]), int(sys.argv[2])
    with Session(root) as session:
        planned = session.plan()
        fused(session, Fuse(at, end=lambda: os._exit(9)))

        def told(event) -> None:
            print(type(event).__name__, event.address, flush=True)

        print("ready", flush=True)
        session.apply(planned, parallelism=2, on_event=told)


if __name__ == "__main__":
    main()
