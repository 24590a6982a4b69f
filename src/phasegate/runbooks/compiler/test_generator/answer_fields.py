"""Positions of values in AWS's answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from phasegate.runbooks.language import aws
from phasegate.runbooks.language.model import Batch, Get, Measure, Step

Path = tuple[str, ...]

ELEMENT = "[]"
SECOND = "[2]"
JSON = "{json}"
CSV = "{csv}"

TAG = "#tag:"
COUNT = "#count"
ANSWER = "#answer"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Operation whose answers an item is made of."""

    name: str
    """`list`, `list/1` for the second step of a chain, or the name of the `with` entry."""
    op: aws.Operation | None
    """None for a metric."""
    at: Path = ()
    """Path to its rows in the answer, empty where the answer itself is the row."""
    part: Step | Get | Batch | Measure | None = field(default=None, hash=False, compare=False)
    """The part of the runbook that asks for it."""
    parent: str = ""
    """The source whose rows its parameters come from; `item` for the item."""

    @property
    def params(self) -> Mapping[str, Any]:
        """Parameters of the call, or dimensions of the metric, with their expressions."""
        if self.part is None:
            return {}
        return self.part.dims if isinstance(self.part, Measure) else self.part.params

    @property
    def region(self) -> str | None:
        """Region that it is asked in, with its expression, or None for that of the scan."""
        return self.part.region if isinstance(self.part, Get | Measure) else None

    @property
    def ids_param(self) -> str:
        """Parameter that takes the ids of a batch, empty for any other call."""
        return (self.part.param or "") if isinstance(self.part, Step | Batch) else ""

    @property
    def is_listing(self) -> bool:
        """True for a step of the runbook's own listing."""
        return self.name.split("/")[0] == "list"

    @property
    def is_single(self) -> bool:
        """True for a call or a metric of each item."""
        return self.op is None or isinstance(self.part, Get)


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A place whose value the examples choose."""

    source: str
    path: Path

    def words(self, at: Path) -> str:
        """The name that a person knows it by: its members below the row, which is at `at`."""
        below = self.path[len(at) :] if self.path[: len(at)] == at else self.path
        names = [p for p in below if p not in (ELEMENT, SECOND, JSON, CSV, COUNT, ANSWER)]
        names = [f"second {names[0]}", *names[1:]] if names and SECOND in below else names
        if names and names[-1].startswith(TAG):
            return f"tag {names[-1].removeprefix(TAG)}"
        return ".".join(names[-2:]) or self.source


@dataclass(frozen=True, kw_only=True)
class Field:
    """A position in a source's answer that an expression has walked to."""

    source: Source
    path: Path
    shape: Shape | None
    virtual: int = 0
    """Number of lists around it that the language makes and AWS does not."""

    @property
    def slot(self) -> Slot:
        """The slot at this place."""
        return Slot(source=self.source.name, path=self.path)

    def child(self, name: str) -> "Field":
        """Return the member of that name, or the value of a map under that key."""
        if name == "_" and not isinstance(self.shape, StructureShape):
            return self
        if self.virtual:
            return replace(self, shape=None)
        return replace(self, path=(*self.path, name), shape=member(self.shape, name))

    @property
    def element(self) -> "Field":
        """An element of the list at this place."""
        if self.virtual:
            return replace(self, virtual=self.virtual - 1)
        below = self.shape.member if isinstance(self.shape, ListShape) else None
        return replace(self, path=(*self.path, ELEMENT), shape=below)

    def within(self, marker: str) -> "Field":
        """Inside a text that holds JSON or CSV, or a tag."""
        return replace(self, path=(*self.path, marker), shape=None)


def shape_at(shape: Shape | None, path: Path) -> Shape | None:
    """Return the shape under a path, or None where the model knows none."""
    for part in path:
        shape = shape.member if part == ELEMENT and isinstance(shape, ListShape) else member(shape, part)
    return shape


def member(shape: Shape | None, name: str) -> Shape | None:
    """Return the shape of a structure's member or of a map's values, or None where the model knows none."""
    if isinstance(shape, StructureShape):
        return shape.members.get(name)
    return shape.value if isinstance(shape, MapShape) else None
