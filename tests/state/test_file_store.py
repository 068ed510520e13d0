"""The file store loses nothing: not to a crash, not to a loss of power, and says what the system refuses."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlspec.backends.port import BackendError, Place
from mlspec.backends.state_store import Taken
from mlspec.backends.stores.file import File

REPOSITORY = Path(__file__).parents[2]


def open_store(root, **options):
    root = Path(root)
    return File(File.Settings(**options), Place(root, root / ".mlspec", "dev", "flights"))


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path)


def test_looking_leaves_nothing(store, tmp_path):
    assert store.read("state") is None
    assert store.lines(0) == ()
    assert list(tmp_path.iterdir()) == []


def test_path_may_be_elsewhere_and_through_a_link(tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "shared").mkdir()
    (tmp_path / "project" / "link.json").symlink_to(tmp_path / "shared" / "dev.json")
    direct = open_store(tmp_path / "project", path=str(tmp_path / "shared" / "{environment}.json"))
    linked = open_store(tmp_path / "project", path="link.json")
    tag = direct.write("state", "one", None)
    linked.write("state", "two", tag)
    linked.append(1, "x")
    assert (tmp_path / "project" / "link.json").is_symlink()
    assert direct.read("state").text == "two"
    with pytest.raises(Taken):
        direct.append(1, "y")


def test_mode_of_the_file_is_kept(store):
    tag = store.write("state", "one", None)
    store.path.chmod(0o640)
    store.write("state", "two", tag)
    assert store.path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("crash_at", ["dev.json", "dev.json.journal"])
def test_a_crash_before_the_replacement_leaves_the_old_text(store, tmp_path, crash_at):
    store.write("state", "one", None)
    store.append(1, "a")
    store.append(2, "b")
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom mlspec.backends.port import Place\n"
        "from mlspec.backends.stores.file import File\n"
        f"root = Path({str(tmp_path)!r})\n"
        "store = File(File.Settings(), Place(root, root / '.mlspec', 'dev', 'flights'))\n"
        "replace = Path.replace\n"
        "def stop(self, target):\n"
        f"    if target.name == {crash_at!r}: os.kill(os.getpid(), 9)\n"
        "    return replace(self, target)\n"
        "Path.replace = stop\n"
        "store.trim(1)\nstore.write('state', 'two', store.read('state').tag)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == -signal.SIGKILL
    assert store.read("state").text == "one"
    assert (2, "b") in store.lines(0)
    store.append(3, "c")
    store.write("state", "three", store.read("state").tag)
    assert [n for n, _ in store.lines(1)] == [2, 3]
    assert not list(store.path.parent.glob("*.new")) or crash_at == "dev.json.journal"


def test_whatever_a_loss_of_power_leaves_of_the_last_line_is_no_line(store):
    for number in (1, 2):
        store.append(number, f'{{"line": {number}}}')
    whole = store._journal.read_bytes()
    first = whole.index(b"\n") + 1
    for end in range(first, len(whole)):
        for rest in (b"", b"\0" * 7, b"\xff\n"):
            store._journal.write_bytes(whole[:end] + rest)
            again = File(store.settings, store.place)
            expected = ((1, '{"line": 1}'),)
            assert again.lines(0) == expected, (end, rest)
            again.append(2, "anew")
            assert again.lines(0) == (*expected, (2, "anew"))


def test_damage_before_other_lines_is_told(store):
    for number in (1, 2, 3):
        store.append(number, f"line {number}")
    store._journal.write_bytes(store._journal.read_bytes().replace(b"line 2", b"life 2"))
    with pytest.raises(BackendError, match="is damaged in line 2") as caught:
        store.lines(0)
    assert caught.value.code == "state-damaged"
    with pytest.raises(BackendError):
        File(store.settings, store.place).append(4, "x")


def test_what_the_system_refuses_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(BackendError, match=r"cannot lock `.*`: (Not a directory|File exists)") as caught:
        open_store(tmp_path, path="file/dev.json").write("state", "one", None)
    assert caught.value.code == "state-store"
    with pytest.raises(BackendError, match=r"cannot read `.*`: Is a directory"):
        open_store(tmp_path, path=".").read("state")


def test_a_file_that_is_not_text_is_told(store):
    store.path.parent.mkdir(parents=True)
    store.path.write_bytes(b"\xff\xfe")
    with pytest.raises(BackendError, match="is not text in UTF-8") as caught:
        store.read("state")
    assert caught.value.code == "state-damaged"
    assert ".backup" in caught.value.help
