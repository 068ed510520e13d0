"""Files on this machine that hold what a scan reads."""

from dataclasses import replace

from mlspec.backends.outside.heads import LocalFile
from mlspec.backends.port import Place
from mlspec.ir.outside import Scan


def located(scan: Scan, place: Place) -> tuple[Scan, list[LocalFile]]:
    """The scan of local files that gives its rows, and those files. Raises BackendError."""
    return replace(scan), [LocalFile(place.root / f, f) for f in scan.files]
