"""The fields of the listed item that a runbook reads, with types and meanings from AWS's own models."""

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import Shape, StructureShape

from phasegate.runbooks.language import aws
from phasegate.runbooks.language.expressions import parse
from phasegate.runbooks.language.lint.infer import Walk
from phasegate.runbooks.language.lint.item import item_of
from phasegate.runbooks.language.lint.types import ANYTHING, Many, Plain, Record, Table, Type
from phasegate.runbooks.language.model import Batch, Get, Join, Let, Metric, Runbook, expressions_in

_SENTENCE = re.compile(r"(.+?[.!?])(\s|$)", re.DOTALL)
_MOST_CHOICES = 8
_TAGS = frozenset({"Tags", "tags", "TagList", "TagSet", "tagSet", "tagList"})
_INWARD = frozenset(
    {"subexpression", "index_expression", "projection", "filter_projection", "value_projection", "pipe"}
)


@dataclass(frozen=True, kw_only=True)
class Field:
    """Field of the listed item."""

    name: str
    type: Type
    meaning: str
    """AWS's own first sentence about it; empty where there is none."""
    used: tuple[str, ...]
    """The parts of the runbook that read it: `match`, `cost`."""


def fields(runbook: Runbook) -> list[Field]:
    """Return the fields that any expression of the runbook reads, in the order of the API."""
    item = item_of(runbook)
    if not isinstance(item, Record):
        return []
    read: dict[str, list[str]] = {}
    for part, text in _expressions(runbook):
        for name in _roots(parse(text)):
            read.setdefault(name, []).append(part)
    for part in read.get("@", ()):  # the whole of an item is read for its tags
        for name in _TAGS & item.members.keys():
            read.setdefault(name, []).append(part)
    return [
        Field(
            name=name, type=item.field(name) or ANYTHING, meaning=_meaning(shape), used=tuple(dict.fromkeys(read[name]))
        )
        for name, shape in item.members.items()
        # Names of the language and of `with` are no fields of the listing, and have no shape of AWS.
        if name in read and isinstance(shape, Shape)
    ]


def _roots(tree: Mapping[str, Any]) -> set[str]:
    """Return the names that an expression reads from the item itself, `@` for the whole item.

    What stands behind a dot or in brackets is read from something else, unless that is a list of the item, as in
    `[@][?State == 'available']`.
    """
    kind, children = tree["type"], [child for child in tree["children"] if isinstance(child, Mapping)]
    if kind == "field":
        return {str(tree["value"])}
    if kind == "current":
        return {"@"}
    if kind not in _INWARD:
        return set().union(*map(_roots, children))
    first = _roots(children[0])
    return first.union(*map(_roots, children[1:])) if "@" in first else first


def result(runbook: Runbook, text: str) -> Type:
    """The type that an expression over the item yields."""
    item = item_of(runbook)
    return Walk(outer=item).infer(parse(text), item)


def spoken(value: Type) -> str:
    """A type for people: `string`, `list of strings`, `string (available, in-use)`."""
    match value:
        case Plain():
            few = 0 < len(value.choices) <= _MOST_CHOICES
            return f"{value.name} ({', '.join(value.choices)})" if few else value.name
        case Many():
            return f"list of {_plural(spoken(value.element))}"
        case Table():
            return f"map to {_plural(spoken(value.element))}"
        case Record():
            return f"map ({value.name})"
        case _:
            return "any"


def _plural(word: str) -> str:
    return word if word in ("any",) or " " in word else f"{word}s"


def json_type(value: Type) -> dict[str, Any]:
    """Return a type as JSON Schema, nullable throughout since a field may be missing."""
    match value:
        case Plain():
            kinds = {"number": "number", "boolean": "boolean"}
            date = {"format": "date-time"} if value.name == "timestamp" else {}
            return {"type": [kinds.get(value.name, "string"), "null"], **date}
        case Many():
            return {"type": ["array", "null"], "items": json_type(value.element)}
        case Record() | Table():
            return {"type": ["object", "null"]}
        case _:
            return {}


def _meaning(shape: Shape) -> str:
    text = " ".join(re.sub(r"<[^>]+>", " ", str(shape.documentation or "")).split())
    found = _SENTENCE.match(re.sub(r"\s+([.,;:])", r"\1", html.unescape(text)))
    return found[1] if found else text


def _expressions(runbook: Runbook) -> Iterator[tuple[str, str]]:
    """Every expression that is read from the item, with the part of the runbook that it stands in."""
    written = {"id": runbook.id, "where": runbook.where, "match": runbook.match}
    written |= {"warn": runbook.warn, "skip": runbook.skip}
    yield from ((part, text) for part, text in written.items() if text)
    yield from (("evidence", text) for text in runbook.evidence)
    for cost in runbook.cost:
        read = [cost.quantity, cost.when, *expressions_in(cost.region), *re.findall(r"\{([^{}]*)\}", cost.unit)]
        yield from (("cost", text) for text in read if text)
    for entry in runbook.with_:
        yield from (("with", text) for text in _reads(entry))
    for action in runbook.action:
        for call in filter(None, (action, action.snapshot, *action.undo)):
            # What an element says is not of the item.
            if action.each is None:
                yield from (("action", text) for text in expressions_in(call.params))
        texts = (action.each, *(undo.when for undo in action.undo if action.each is None))
        yield from (("action", text) for text in texts if text)


def _reads(entry: Any) -> Iterator[str]:
    match entry:
        case Get():
            yield from expressions_in([entry.params, entry.region])
        case Join():
            yield entry.by[0]
        case Batch():
            yield entry.ids
        case Metric():
            yield from expressions_in([entry.metric.dims, entry.metric.region])
        case Let():
            yield entry.let


def row_name(runbook: Runbook) -> str:
    """Return AWS's name of the row shape, or the operation's name where rows are plain values."""
    last = aws.operation(runbook.list_[-1].op)
    item = item_of(runbook)
    return item.name if isinstance(item, Record) and isinstance(last.output, StructureShape) else str(last)
