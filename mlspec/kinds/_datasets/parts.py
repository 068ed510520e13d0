"""What stands inside a dataset: labels, the time range, how it is split and sampled."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from mlspec.kinds._views.parts import Aggregation
from mlspec.kinds.source import Source
from mlspec.language.spec import Part, Ref
from mlspec.language.sql import Sql
from mlspec.language.words import ColumnName, Duration, Float, Instant, wrong


def _list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _same_names(value: Any) -> Any:
    return {v: v for v in value} if isinstance(value, list) and all(isinstance(v, str) for v in value) else value


class ForwardLabel(Aggregation):
    """A label that looks forward: a function of the rows of a source with `t <= time < t + window`.

    `keys` pairs columns of the source with those of the rows that ask. It is no label before it is known: when the
    window has passed, and after that `maturity`, or else the `lateness` of the source.
    """

    source: Ref[Source]
    keys: Annotated[
        dict[ColumnName, ColumnName],
        BeforeValidator(_same_names, json_schema_input_type=list[str] | dict[str, str]),
        Field(min_length=1),
    ]
    maturity: Duration | None = None

    @model_validator(mode="after")
    def _one_window(self) -> "ForwardLabel":
        if not isinstance(self.window, Duration):
            raise wrong(
                "invalid-aggregation", "label `{name}` needs one `window`, how far it looks forward", name=self.name
            )
        for field in ("windows", "offset", "hop"):
            if getattr(self, field):
                raise wrong("meaningless-field", "`{field}` means nothing to a label that looks forward", field=field)
        return self


class Labels(Part):
    """The rows that ask, by SQL: entity keys, the time at which each asks, and the answer to learn.

    `where` takes some of its rows; `event_time` is a column or an expression over its columns. With `available_time`, a
    label that is not yet known at the end of the training part is NULL there. Labels `forward` come beside `label`.
    """

    sql: Sql
    label: Annotated[tuple[ColumnName, ...], BeforeValidator(_list, json_schema_input_type=str | list[str])] = ()
    event_time: str = "event_time"
    available_time: ColumnName | None = None
    where: str | None = None
    forward: tuple[ForwardLabel, ...] = ()

    @model_validator(mode="after")
    def _some(self) -> "Labels":
        if not (self.label or self.forward):
            raise wrong("missing-field", "the labels have no `label`")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """All labels by name."""
        return (*self.label, *(f.name for f in self.forward))


class TimeSplit(Part):
    """`train` before `test_from`, `test` from it on; `validation` between, if its beginning is given."""

    test_from: Instant
    validation_from: Instant | None = None


class HashSplit(Part):
    """Shares of the rows by a hash of some columns: rows that agree in them fall on the same side, for ever."""

    columns: tuple[ColumnName, ...] = Field(min_length=1)
    test: Float = Field(gt=0, lt=1)
    validation: Float = Field(default=0.0, ge=0, lt=1)


class Split(Part):
    """By time or by hash; the column `split` says `train`, `validation` or `test`."""

    time: TimeSplit | None = None
    hash: HashSplit | None = None

    @model_validator(mode="after")
    def _one(self) -> "Split":
        if (self.time is None) == (self.hash is None):
            raise wrong("invalid-split", "a split is by `time` or by `hash`")
        if self.hash and self.hash.test + self.hash.validation >= 1:
            raise wrong("invalid-split", "nothing is left to train on")
        if self.time and self.time.validation_from and self.time.validation_from >= self.time.test_from:
            raise wrong("invalid-split", "`validation_from` must be before `test_from`")
        return self


class TimeRange(Part):
    """Only rows that ask from `start` on and before `end`."""

    start: Instant | None = None
    end: Instant | None = None


class Sample(Part):
    """A share of the rows, always the same ones, by a hash of some columns."""

    fraction: Float = Field(gt=0, lt=1)
    columns: tuple[ColumnName, ...] = Field(min_length=1)
