"""What a live deployment reads: the columns of feature views behind the features of the version that it serves."""

from collections.abc import Mapping
from typing import Any

from mlspec.backends.port import ModelVersion
from mlspec.base.value import replace
from mlspec.ir.service import Service
from mlspec.plan.compatible import READS, same_version
from mlspec.state.model import Record


def as_served(body: Service, version: ModelVersion) -> Service:
    """A service that was pinned to a version has the contract of that version, whatever the files say now."""
    if not body.pinned:
        return body
    names = {name for name, _ in version.contract}
    return replace(body, contract=version.contract, computed=tuple(c for c in body.computed if c.name in names))


def reads_of(
    body: Service, version: ModelVersion, physical: Mapping[str, str], before: Record | None
) -> list[dict[str, Any]]:
    """For each stored feature its column, its type and the version of the view that it was trained on, as the state keeps it.

    A version that was served already reads what it has read since.
    """
    if (
        before is not None
        and READS in before.outputs
        and same_version(str(before.outputs.get("version", "")), body.version)
    ):
        return list(before.outputs[READS])
    served = dict(version.contract)
    return [
        {"feature": u.name, "address": u.address, "column": u.column, "type": served[u.name], "version": physical.get(u.address, "")}
        for u in body.used
        if u.address and u.name in served
    ]  # fmt: skip
