"""The registry of files keeps versions whole, in order, and the same for everybody who registers them at once."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mlspec.backends.port import BackendError, ModelRegistry, ModelVersion, Place
from mlspec.backends.registries.file import File
from mlspec.base.registry import Registry

ONE = "1" * 32
TWO = "2" * 32
VERSION = ModelVersion(
    model="delay",
    version=ONE,
    format="sklearn",
    metrics={"auc": 0.75},
    contract=(("carrier", "string"), ("distance", "float64")),
    output=(("p", "float64"),),
    lineage={"dataset.d": "abc"},
    files_digest="",
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    root = tmp_path / "project"
    root.mkdir()
    return Place(root, root / ".mlspec", "dev", "p")


@pytest.fixture
def registry(place: Place) -> File:
    return File(File.Settings(), place)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "deep").mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"\x00\x01")
    (folder / "deep" / "vocabulary.txt").write_text("a\nb\n")
    (folder / "empty").mkdir()
    return folder


def test_it_is_found_by_its_file_name():
    assert Registry("mlspec.backends.registries", ModelRegistry).get("file") is File


def test_what_is_registered_is_found_again(registry: File, model: Path, place: Place):
    kept = registry.register(VERSION, model)
    assert registry.get("delay", ONE) == kept
    assert replace(kept, files_digest="", path="", created="") == VERSION
    assert kept.created.endswith("Z")
    assert (Path(kept.path) / "deep" / "vocabulary.txt").read_text() == "a\nb\n"
    assert (Path(kept.path) / "empty").is_dir()
    assert Path(kept.path) == place.root.resolve() / ".mlspec" / "models" / "delay" / ONE[:16] / "files"
    assert str(place.root) not in (Path(kept.path).parent / "version.json").read_text()


def test_what_is_not_there_is_none(registry: File):
    assert registry.get("delay", ONE) is None
    assert registry.versions("delay") == ()
    registry.remove("delay")


def test_a_version_never_changes(registry: File, model: Path):
    first = registry.register(VERSION, model)
    (model / "model.bin").write_bytes(b"other")
    second = registry.register(replace(VERSION, metrics={"auc": 0.1}), model)
    assert second == first
    assert (Path(first.path) / "model.bin").read_bytes() == b"\x00\x01"


def test_the_newest_version_is_the_last(registry: File, model: Path):
    for digit in "9142":
        registry.register(replace(VERSION, version=digit * 32), model)
    assert [v.version[0] for v in registry.versions("delay")] == ["9", "1", "4", "2"]


@pytest.mark.parametrize("damage", ["change", "lose", "add"])
def test_damaged_files_are_no_version_and_can_be_registered_again(registry: File, model: Path, damage: str):
    kept = Path(registry.register(VERSION, model).path)
    match damage:
        case "change":
            (kept / "model.bin").write_bytes(b"\x00\x02")
        case "lose":
            (kept / "model.bin").unlink()
        case "add":
            (kept / "new").write_text("")
    assert registry.get("delay", ONE) is None
    registry.register(VERSION, model)
    assert registry.get("delay", ONE) is not None
    assert len(registry.versions("delay")) == 1


def test_a_half_written_record_is_no_version(registry: File, model: Path):
    record = Path(registry.register(VERSION, model).path).parent / "version.json"
    record.write_text(record.read_text()[:40])
    assert registry.get("delay", ONE) is None
    assert registry.register(VERSION, model).version == ONE


def test_a_record_of_a_later_format_is_refused(registry: File, model: Path):
    record = Path(registry.register(VERSION, model).path).parent / "version.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"format_version": 99}))
    with pytest.raises(BackendError, match="has format 99"):
        registry.get("delay", ONE)


def test_two_versions_with_the_same_beginning_are_not_mixed_up(registry: File, model: Path):
    registry.register(VERSION, model)
    other = ONE[:16] + "f" * 16
    assert registry.get("delay", other) is None
    with pytest.raises(BackendError, match="two versions of model `delay` begin with"):
        registry.register(replace(VERSION, version=other), model)


def test_removing_forgets_one_model(registry: File, model: Path):
    registry.register(VERSION, model)
    registry.register(replace(VERSION, model="other"), model)
    registry.remove("delay")
    assert registry.versions("delay") == ()
    assert len(registry.versions("other")) == 1


def test_files_that_changed_since_they_were_measured_are_refused(registry: File, model: Path):
    with pytest.raises(BackendError, match="changed while"):
        registry.register(replace(VERSION, files_digest="f" * 32), model)
    assert registry.versions("delay") == ()
    assert not list((registry.path / "delay").glob(".draft-*"))


def test_links_become_files_and_linked_folders_are_refused(registry: File, model: Path, tmp_path: Path):
    outside = tmp_path / "weights"
    outside.write_text("w")
    (model / "weights").symlink_to(outside)
    kept = Path(registry.register(VERSION, model).path)
    assert not (kept / "weights").is_symlink()
    assert (kept / "weights").read_text() == "w"
    (model / "folder").symlink_to(tmp_path)
    with pytest.raises(BackendError, match="a link to a folder"):
        registry.register(replace(VERSION, version=TWO), model)


@pytest.mark.parametrize("path", ["../outside", "a/../../outside"])
def test_a_relative_path_stays_in_the_project(place: Place, path: str):
    with pytest.raises(BackendError, match="leaves the project"):
        File(File.Settings(path), place)


def test_an_absolute_path_may_lie_anywhere(place: Place, model: Path, tmp_path: Path):
    kept = File(File.Settings(str(tmp_path / "shared")), place).register(VERSION, model)
    assert Path(kept.path).is_relative_to(tmp_path / "shared")


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".hidden"])
def test_names_cannot_leave_the_registry(registry: File, name: str):
    with pytest.raises(BackendError, match="cannot name"):
        registry.remove(name)


def test_processes_that_register_the_same_version_at_once_all_succeed(place: Place, model: Path, registry: File):
    script = """
import sys
from dataclasses import replace
from pathlib import Path
from mlspec.backends.port import ModelVersion, Place
from mlspec.backends.registries.file import File
root, model = Path(sys.argv[1]), Path(sys.argv[2])
registry = File(File.Settings(), Place(root, root / ".mlspec", "dev", "p"))
version = ModelVersion("delay", "", "x", {}, (), (), {}, "")
sys.stdin.readline()
for n in range(5):
    print(registry.register(replace(version, version=str(n) * 32), model).files_digest)
"""
    (model / "big").write_bytes(os.urandom(1 << 20))
    argv = [sys.executable, "-c", script, str(place.root), str(model)]
    crowd = [subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for process in crowd:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = {process.communicate()[0] for process in crowd}
    assert [process.returncode for process in crowd] == [0] * 4
    assert len(answers) == 1
    assert len(registry.versions("delay")) == 5
    sequences = [json.loads(p.read_text())["sequence"] for p in (registry.path / "delay").glob("*/version.json")]
    assert sorted(sequences) == [1, 2, 3, 4, 5]
    assert not list((registry.path / "delay").glob(".draft-*"))


def test_an_alias_means_a_version_for_its_environment_and_project_alone(registry: File, model: Path, place: Place):
    registry.register(VERSION, model)
    others = [
        File(File.Settings(), replace(place, environment="prod")),
        File(File.Settings(), replace(place, project="q")),
    ]
    registry.point("delay", "champion", ONE)
    registry.point("delay", "champion", ONE)
    assert (registry.aliases("delay"), *(o.aliases("delay") for o in others)) == ({"champion": ONE}, {}, {})
    registry.unpoint("delay", "champion")
    registry.unpoint("delay", "champion")
    assert registry.aliases("delay") == {}
    assert [v.version for v in registry.versions("delay")] == [ONE]


def test_damaged_aliases_are_said(registry: File, place: Place):
    registry.point("delay", "champion", ONE)
    next(place.root.rglob("dev.p.json")).write_text("{")
    with pytest.raises(BackendError, match="damaged"):
        registry.aliases("delay")
