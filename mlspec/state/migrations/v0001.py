"""From format 0, which listed its records, to format 1, which keeps them by address."""

from typing import Any


def migrate(raw: dict[str, Any]) -> dict[str, Any]:
    """Key the records by address, with the backend and the outputs that format 0 did not keep left empty."""
    records: dict[str, Any] = {}
    for listed in raw["records"]:
        record = {"backend": "", "outputs": {}, **listed}
        address = record.pop("address")
        if address in records:
            raise ValueError(f"`{address}` is listed twice")
        records[address] = record
    return {**raw, "format_version": 1, "records": records}
