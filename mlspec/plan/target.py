"""What makes the things that stand outside the warehouse: which backend, with which options."""

from mlspec.base.value import dataclass
from mlspec.state.model import Record

OPTIONS = "options"
"""The output of a record that tells with which options it was made."""


@dataclass(frozen=True)
class Target:
    """A backend as records name it (`deploys.kubernetes`), and the digest of its options."""

    name: str
    options: str


def trained(record: Record) -> bool:
    """Whether it is a model, which is the registry's wherever it was trained."""
    return record.form == "workflow" and "model" in record.outputs


def made_elsewhere(record: Record, target: Target | None) -> bool:
    """Whether another backend made it than the one that would now; of a trained model that does not matter."""
    return target is not None and bool(record.backend) and record.backend != target.name and not trained(record)


def made_otherwise(record: Record, target: Target | None) -> bool:
    """Whether it would be made by another backend now, or with other options; of a trained model neither matters."""
    if target is None or trained(record):
        return False
    options = record.outputs.get(OPTIONS, target.options)  # an earlier version of mlspec did not record any
    return made_elsewhere(record, target) or options != target.options
