"""Files on this machine that hold what a scan reads; what lies elsewhere is fetched, once for each version."""

from mlspec.backends.outside.heads import LocalFile
from mlspec.backends.outside.objects import fetched
from mlspec.backends.outside.tables import extracted
from mlspec.backends.port import Place
from mlspec.ir.outside import Scan


def located(scan: Scan, place: Place) -> tuple[Scan, list[LocalFile]]:
    """The scan of local files that gives its rows, and those files. Raises BackendError."""
    if scan.database is not None:
        return extracted(scan, place)
    if scan.store is not None:
        return scan, fetched(scan, place)
    return scan, [LocalFile(place.root / f, f) for f in scan.files]
