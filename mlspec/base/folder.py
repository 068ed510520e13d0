"""Folders as values: the digest of what one holds, a whole copy of it, and a file written in one step."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from mlspec.base.digest import digest, digest_bytes

_CHUNK = 1 << 20

Place = Callable[[str, str], object]
"""Puts the file of the first path at the second, as `shutil.copyfile` and `os.link` do."""


class NotCopyable(Exception):
    """Something in a folder that cannot be kept: a link to a folder, a dangling link, a pipe or a device."""

    def __init__(self, path: Path, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"`{path.name}` is {why}")


def entries(folder: Path) -> Iterator[tuple[str, Path]]:
    """Relative POSIX path and place of every file, and of every empty folder, in order. Raises NotCopyable."""
    for top, folders, files in os.walk(folder, onerror=_raise):
        folders.sort()
        here = Path(top)
        for name in folders:
            if (here / name).is_symlink():
                raise NotCopyable(here / name, "a link to a folder")
        for name in sorted(files):
            if not (here / name).is_file():
                raise NotCopyable(here / name, "neither a file nor a folder")
            yield (here / name).relative_to(folder).as_posix(), here / name
        if not folders and not files and here != folder:
            yield here.relative_to(folder).as_posix(), here


def digest_file(path: Path) -> str:
    """Take the digest of what a file holds."""
    with path.open("rb") as file:
        return digest_bytes(iter(lambda: file.read(_CHUNK), b""))


def digest_folder(folder: Path) -> str:
    """Take the digest of names and contents of everything below a folder; links count as what they point to."""
    return digest(sorted((name, "" if path.is_dir() else digest_file(path)) for name, path in entries(folder)))


def digest_path(path: Path) -> str:
    """Take the digest of a file or of a folder."""
    return digest_folder(path) if path.is_dir() else digest_file(path)


def copy_path(source: Path, target: Path, place: Place | None = None) -> None:
    """Make `target` hold what `source` holds; links become files. `target` must not be there yet."""
    from shutil import copyfile  # noqa: PLC0415 - start-up time

    place = place or copyfile
    if not source.is_dir():
        place(str(source.resolve()), str(target))
        return
    target.mkdir(parents=True)
    for name, path in entries(source):
        goal = target / name
        if path.is_dir():
            goal.mkdir(parents=True, exist_ok=True)
            continue
        goal.parent.mkdir(parents=True, exist_ok=True)
        place(str(path.resolve()), str(goal))


def link(source: str, target: str) -> None:
    """Give a file a second name, or copy it where the disk cannot give one."""
    try:
        os.link(source, target)
    except OSError:
        from shutil import copyfile  # noqa: PLC0415 - start-up time

        copyfile(source, target)


def sync_folder(folder: Path) -> None:
    """Bring everything below a folder to the disk."""
    for top, _, files in os.walk(folder):
        for name in (".", *files):
            descriptor = os.open(os.path.join(top, name), os.O_RDONLY)  # noqa: PTH118 - a string per file is enough
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Replace a file by a text in one step: a reader sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    import tempfile  # noqa: PLC0415 - start-up time

    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _raise(error: OSError) -> None:
    raise error
