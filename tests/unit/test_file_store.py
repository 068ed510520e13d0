"""The file store loses nothing: not to other processes, not to a crash, not to a lock that nobody gives back."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from mlspec.backends.port import BackendError, Locked, Place
from mlspec.backends.stores import file as module
from mlspec.backends.stores.file import File
from mlspec.base.registry import Registry

REPOSITORY = Path(__file__).parents[2]


def open_store(root, **options):
    root = Path(root)
    return File(File.Settings(**options), Place(root, root / ".mlspec", "dev", "flights"))


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path)


@pytest.fixture
def start(tmp_path):
    """Start Python with `store` at hand; whatever still runs at the end is stopped."""
    started = []

    def run(code):
        head = f"""\
            import os, sys, time
            from pathlib import Path
            from mlspec.backends.port import Locked, Place
            from mlspec.backends.stores.file import File
            root = Path({str(tmp_path)!r})
            store = File(File.Settings(), Place(root, root / ".mlspec", "dev", "flights"))
            """
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(code)],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


HOLD = """
    print(store.lock("apply to dev").id, flush=True)
    sys.stdin.readline()
    """


def test_found_by_its_name():
    assert Registry("mlspec.backends.stores", module.StateStore).get("file") is File


def test_nothing_yet_leaves_nothing(store, tmp_path):
    assert store.read() is None
    assert store.holder() is None
    assert list(tmp_path.iterdir()) == []


def test_write_keeps_the_one_before(store, tmp_path):
    store.write("one\r\n", None)
    store.write("zwei ä\n", "one\r\n")
    assert store.read() == "zwei ä\n"
    folder = tmp_path / ".mlspec" / "state"
    assert sorted(p.name for p in folder.iterdir()) == ["dev.json", "dev.json.backup"]
    assert (folder / "dev.json.backup").read_bytes() == b"one\r\n"


def test_path_may_be_elsewhere_and_through_a_link(tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "shared").mkdir()
    (tmp_path / "project" / "link.json").symlink_to(tmp_path / "shared" / "dev.json")
    direct = open_store(tmp_path / "project", path=str(tmp_path / "shared" / "{environment}.json"))
    linked = open_store(tmp_path / "project", path="link.json")
    direct.write("one", None)
    linked.write("two", "one")
    assert (tmp_path / "project" / "link.json").is_symlink()
    direct.lock("apply")
    with pytest.raises(Locked):
        linked.write("three", "two")


def test_mode_of_the_file_is_kept(store):
    store.write("one", None)
    store.path.chmod(0o640)
    store.write("two", "one")
    assert store.path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("previous", [None, "older", "one\n"])
def test_changed_behind_our_back(store, previous):
    store.write("one", None)
    with pytest.raises(BackendError, match="has changed since it was read") as caught:
        store.write("two", previous)
    assert caught.value.code == "state-changed"
    assert store.read() == "one"
    assert store.holder() is None


def test_removed_behind_our_back(store):
    with pytest.raises(BackendError) as caught:
        store.write("two", "one")
    assert caught.value.code == "state-changed"
    assert store.read() is None


def test_write_under_a_lock_keeps_it(store):
    mine = store.lock("apply")
    store.write("one", None)
    store.write("two", "one")
    assert store.holder() == mine
    store.unlock(mine.id)
    assert store.holder() is None


def test_another_lock_stops_a_write(store, tmp_path):
    store.write("one", None)
    mine = store.lock("apply")
    with pytest.raises(Locked):
        open_store(tmp_path).write("two", "one")
    open_store(tmp_path).unlock(mine.id)
    other = open_store(tmp_path)
    other.lock("a second apply")
    with pytest.raises(Locked, match="a second apply"):
        store.write("two", "one")
    assert store.read() == "one"


def test_no_process_loses_the_work_of_another(store, start):
    store.write("0", None)
    count = """
        for _ in range(20):
            mine = store.lock("count", wait=60)
            text = store.read()
            store.write(str(int(text) + 1), text)
            store.unlock(mine.id)
        """
    processes = [start(count) for _ in range(8)]
    assert [p.wait(timeout=60) for p in processes] == [0] * 8
    assert store.read() == "160"
    assert sorted(p.name for p in store.path.parent.iterdir()) == ["dev.json", "dev.json.backup"]


def test_the_second_is_told_who_holds(store, start):
    holder = start(HOLD)
    lock_id = holder.stdout.readline().strip()
    with pytest.raises(Locked, match=rf"\(process {holder.pid}\) since 2.*Z for `apply to dev`") as caught:
        store.lock("plan", wait=0.05)
    assert caught.value.holder.id == lock_id
    assert caught.value.code == "state-locked"
    assert "`--lock-timeout 5m`" in caught.value.help
    assert f"`mlspec state unlock {lock_id}`" in caught.value.help
    assert "gone" not in caught.value.help


def test_waiting_gets_it(store, tmp_path):
    mine = store.lock("apply")
    timer = threading.Timer(0.1, store.unlock, [mine.id])
    timer.start()
    assert open_store(tmp_path).lock("plan", wait=20).why == "plan"
    timer.join()


def test_a_killed_holder_is_told_and_its_lock_broken_by_id(store, start):
    holder = start(HOLD)
    lock_id = holder.stdout.readline().strip()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with pytest.raises(Locked) as caught:
        store.lock("apply")
    assert f"process {holder.pid} on this host is gone" in caught.value.help
    assert lock_id in caught.value.help
    store.unlock(lock_id)
    assert store.lock("apply").why == "apply"


def test_a_process_elsewhere_is_not_judged(store):
    store.lock("apply")
    lock = store.path.with_name("dev.json.lock")
    lock.write_text(json.dumps(json.loads(lock.read_text()) | {"host": "elsewhere", "pid": 2**22 + 1}))
    with pytest.raises(Locked, match="elsewhere") as caught:
        store.lock("plan")
    assert "gone" not in caught.value.help


def test_unlock_needs_the_id_that_is_there(store):
    with pytest.raises(BackendError, match="the state is not locked") as caught:
        store.unlock("x")
    assert caught.value.code == "state-not-locked"
    mine = store.lock("apply")
    with pytest.raises(BackendError, match=f"not locked by `x` but by `{mine.id}`") as caught:
        store.unlock("x")
    assert caught.value.code == "state-other-lock"
    assert store.holder() == mine


def test_of_two_who_break_one_lock_only_one_may(store, tmp_path, monkeypatch):
    stale = store.lock("apply")
    seen = store._look()
    store.unlock(stale.id)
    newer = open_store(tmp_path).lock("a newer apply")
    monkeypatch.setattr(store, "_look", lambda: seen)
    with pytest.raises(BackendError, match=newer.id):
        store.unlock(stale.id)
    assert open_store(tmp_path).holder() == newer


@pytest.mark.parametrize("content", [b"", b'{"id": "3f', b"\xff", b"[]", b'{"id": 3}'])
def test_a_half_written_lock_can_be_broken(store, content):
    store.path.parent.mkdir(parents=True)
    store.path.with_name("dev.json.lock").write_bytes(content)
    with pytest.raises(Locked, match="unknown") as caught:
        store.lock("apply")
    lock_id = caught.value.holder.id
    assert f"`mlspec state unlock {lock_id}`" in caught.value.help
    assert store.holder().id == lock_id
    store.unlock(lock_id)
    store.unlock(store.lock("apply").id)


def test_a_lock_that_is_just_being_written_is_waited_for(store):
    mine = store.lock("apply")
    lock = store.path.with_name("dev.json.lock")
    whole = lock.read_bytes()
    lock.write_bytes(b"")
    timer = threading.Timer(0.03, lock.write_bytes, [whole])
    timer.start()
    assert store.holder() == mine
    timer.join()


@pytest.mark.parametrize("crash_at", ["dev.json.backup", "dev.json"])
def test_a_crash_before_the_replacement_leaves_the_old_state(store, start, crash_at):
    store.write("one", None)
    crash = start(f"""
        replace = Path.replace
        def stop(self, target):
            if target.name == {crash_at!r}:
                os.kill(os.getpid(), 9)
            return replace(self, target)
        Path.replace = stop
        store.lock("apply")
        store.write("two", "one")
        """)
    assert crash.wait(timeout=30) == -signal.SIGKILL
    assert store.read() == "one"
    store.unlock(store.holder().id)
    store.write("three", "one")
    assert store.read() == "three"
    assert sorted(p.name for p in store.path.parent.iterdir()) == ["dev.json", "dev.json.backup"]


def test_what_the_system_refuses_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(BackendError, match=r"cannot read `.*`: Not a directory") as caught:
        open_store(tmp_path, path="file/dev.json").write("one", None)
    assert caught.value.code == "state-store"
    with pytest.raises(BackendError, match=r"cannot read `.*`: Is a directory"):
        open_store(tmp_path, path=".").read()


def test_a_file_that_is_not_text_is_told(store):
    store.path.parent.mkdir(parents=True)
    store.path.write_bytes(b"\xff\xfe")
    with pytest.raises(BackendError, match="is not text in UTF-8") as caught:
        store.read()
    assert caught.value.code == "state-damaged"
    assert ".backup" in caught.value.help
