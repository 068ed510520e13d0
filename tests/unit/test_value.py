"""Values are dataclasses to everybody who asks, and behave as those of the standard library."""

import copy
import dataclasses
import pickle
import subprocess
import sys
from functools import cached_property
from typing import Any, ClassVar

import pytest

from mlspec.base import value
from mlspec.base.address import Address

FLAGS = [
    {"frozen": True},
    {"frozen": True, "slots": True},
    {"frozen": True, "order": True, "slots": True},
    {"frozen": True, "eq": False},
    {},
    {"order": True},
]


def made(by: Any, **flags: bool) -> Any:
    class Point:
        """A point."""

        kinds: ClassVar[int] = 3
        x: int
        y: int = 2
        seen: dict = by.field(default_factory=dict, compare=False)
        hidden: str = by.field(default="-", repr=False, metadata={"mark": 1})
        kept: int = by.field(default=7, init=False)

        def __post_init__(self):
            self.seen["post"] = True

    Point.__qualname__ = Point.__name__ = "Point"
    return by.dataclass(Point, **flags)


@pytest.mark.parametrize("flags", FLAGS, ids=str)
def test_it_behaves_as_the_standard_does(flags):
    told = []
    for by in (value, dataclasses):
        cls = made(by, **flags)
        a, b, c = cls(1), cls(1, 2, {"other": 1}), cls(x=0, y=5, hidden="h")
        said = [
            repr(a),
            repr(c),
            a == b,
            a == c,
            a != 1,
            cls.__match_args__,
            cls.kinds,
            a.kept,
            a.seen,
            b.seen,
            c.hidden,
        ]
        said += (
            [hash(a) == hash(b), hash(a) == hash((1, 2, "-", 7))]
            if cls.__hash__ and flags.get("eq", True)
            else [cls.__hash__ is None]
        )
        said += [a < c, a <= b, c >= a, c > b] if flags.get("order") else [hasattr(cls, "__slots__")]
        said += [refused(lambda a=a: setattr(a, "x", 3)), refused(lambda a=a: delattr(a, "x"))]
        said += [
            refused(lambda c=cls: c()),
            refused(lambda c=cls: c(1, z=2)),
            refused(lambda c=cls: c(1, 2, {}, "", 5)),
        ]
        told.append([str(s).replace("test_it_behaves_as_the_standard_does.<locals>.", "") for s in said])
    assert told[0] == told[1]


def refused(act) -> str:
    try:
        act()
    except (TypeError, AttributeError) as error:
        return type(error).__name__
    return ""


def test_what_a_class_defines_itself_stays():
    told = []
    for by in (value, dataclasses):

        @by.dataclass(frozen=True)
        class Own:  # noqa: PLW1641 - what becomes of that is asked here
            x: int

            def __init__(self) -> None:
                object.__setattr__(self, "x", 5)

            def __eq__(self, other: object) -> bool:
                return True

            def __repr__(self) -> str:
                return "own"

        told.append((Own().x, Own() == 3, repr(Own()), hash(Own()) == hash((5,))))
    assert told[0] == told[1] == (5, True, "own", True)


@value.dataclass(frozen=True, slots=True)
class Slotted:
    x: int
    y: tuple = ()


@value.dataclass(frozen=True)
class Base:
    x: int

    @cached_property
    def twice(self) -> int:
        return 2 * self.x


@value.dataclass(frozen=True)
class Wider(Base):
    z: str = "z"


def test_the_standard_library_knows_it():
    assert [f.name for f in dataclasses.fields(Wider)] == ["x", "z"]
    assert dataclasses.is_dataclass(Slotted)
    assert (
        Wider(1).__replace__(z="o")
        == dataclasses.replace(Wider(1), z="o")
        == value.replace(Wider(1), z="o")
        == Wider(1, "o")
    )
    assert dataclasses.asdict(Wider(1)) == value.asdict(Wider(1)) == {"x": 1, "z": "z"}
    assert Wider(4).twice == 8
    assert Wider(1) != Base(1)


def test_a_plugin_may_derive_from_it_with_the_standard_library():
    @dataclasses.dataclass(frozen=True)
    class Derived(Base):
        more: int = 5

    assert [f.name for f in value.fields(Derived)] == ["x", "more"]
    assert [f.default for f in value.fields(Derived)] == [value.MISSING, 5]
    assert value.replace(Derived(1), more=6) == Derived(1, 6)
    with pytest.raises(TypeError):
        value.fields(int)


def test_it_is_copied_and_sent_to_other_processes():
    for one in (Slotted(1, (2,)), Wider(3)):
        assert copy.deepcopy(one) == copy.copy(one) == pickle.loads(pickle.dumps(one)) == one  # noqa: S301 - its own
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
            one.x = 2


def test_what_cannot_be_is_refused_when_the_class_is_made():
    with pytest.raises(ValueError, match="mutable default for field x"):

        @value.dataclass
        class _Mutable:
            x: list = []  # noqa: RUF012 - that is what is refused

    with pytest.raises(TypeError, match="'y' follows default argument 'x'"):

        @value.dataclass
        class _Order:
            x: int = 1
            y: int

    with pytest.raises(TypeError, match="kw_only"):
        value.field(kw_only=True)


def test_a_project_is_read_without_the_standard_one():
    asked = "import sys; import mlspec.session, mlspec.cli.plan; print([m for m in ('dataclasses', 'inspect') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


def test_an_address_is_found_again_in_another_process():
    """Its hash is of this process: what is sent to another is made anew there."""
    address = Address("source", "orders", "raw")
    code = "import pickle, sys; from mlspec.base.address import Address; a = pickle.load(sys.stdin.buffer); print({a: str(a)}[Address('source', 'orders', 'raw')])"
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(address), capture_output=True, check=True)
    assert done.stdout.decode().strip() == str(address) == "source.orders/raw"
    assert copy.deepcopy(address) == address
