"""What a dataset is made of, as it will stand in its certificate beside what is counted when it is built."""

from collections.abc import Mapping
from typing import Any

from mlspec.base.value import dataclass, field

FORMAT = 1


@dataclass(frozen=True)
class Claims:
    """`about` is JSON: definitions, versions, views, sources, columns. `events` pairs each kept source with its event time.

    The engine adds what it counts: rows, values that are missing, how far the sources reach.
    """

    about: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[tuple[str, str], ...] = ()
