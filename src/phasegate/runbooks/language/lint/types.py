"""Types that an expression can yield."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape


@dataclass(frozen=True, kw_only=True)
class Anything:
    """A value of which nothing is known: whatever is read from it may be there."""


@dataclass(frozen=True, kw_only=True)
class Plain:
    """A string, number, boolean or time: nothing can be read from it."""

    name: str
    choices: tuple[str, ...] = ()
    """The values that the service's model lists, where it lists any."""


@dataclass(frozen=True, kw_only=True)
class Many:
    """A list of values of one type."""

    element: "Type"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A map with free keys."""

    element: "Type"


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """Map with known keys, of which a missing one is a mistake."""

    name: str
    """For messages: the shape's name, or what it stands for, such as `_params`."""
    members: Mapping[str, "Shape | Type"]

    def field(self, name: str) -> "Type | None":
        """Return the type of a member, or None where there is none."""
        found = self.members.get(name)
        return of(found) if isinstance(found, Shape) else found

    def extended(self, **members: "Type") -> "Record":
        """Return the record with more members, of which later ones win."""
        return Record(name=self.name, members={**self.members, **members})


Type = Anything | Plain | Many | Table | Record

ANYTHING = Anything()
STRING = Plain(name="string")
NUMBER = Plain(name="number")
BOOLEAN = Plain(name="boolean")

_NUMBERS = frozenset({"integer", "long", "float", "double"})


def of(shape: Shape | None) -> Type:
    """Return the type of a botocore shape.

    Members are converted when they are read, since shapes may be recursive.
    """
    return ANYTHING if shape is None else _of(shape)


@cache
def _of(shape: Any) -> Type:
    if isinstance(shape, StructureShape):
        # A document type holds free JSON, of which the model names no member.
        return ANYTHING if getattr(shape, "is_document_type", False) else Record(name=shape.name, members=shape.members)
    if isinstance(shape, ListShape):
        return Many(element=of(shape.member))
    if isinstance(shape, MapShape):
        return Table(element=of(shape.value))
    if shape.type_name in _NUMBERS:
        return NUMBER
    if shape.type_name == "string":
        return Plain(name="string", choices=tuple(getattr(shape, "enum", ())))
    return Plain(name=str(shape.type_name))


def of_value(value: Any) -> Type:
    """The type of a literal."""
    match value:
        case bool():
            return BOOLEAN
        case int() | float():
            return NUMBER
        case str():
            return STRING
        case list():
            # Elements of a list that somebody wrote are alike, so the first one speaks for all.
            return Many(element=of_value(value[0]) if value else ANYTHING)
        case dict():
            return Record(name="literal", members={key: of_value(item) for key, item in value.items()})
        case _:
            return ANYTHING


def one_of(left: Type, right: Type) -> Type:
    """Return the common type of two, without what cannot be said of both."""
    if left == right:
        return left
    match left, right:
        case (Plain(), Plain()) if left.name == right.name:
            return Plain(name=left.name)
        case Many(), Many():
            return Many(element=one_of(left.element, right.element))
        case _:
            return ANYTHING


def described(value: Type) -> str:
    """For a message: `a list`, `a string`."""
    match value:
        case Many():
            return "a list"
        case Plain():
            return f"an {value.name}" if value.name[0] in "aeiou" else f"a {value.name}"
        case Record() | Table():
            return "a map"
        case Anything():
            return "anything"
