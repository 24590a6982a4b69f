"""Reads YAML that a person or a stranger wrote: values alone, each with its line.

Anchors, aliases and tags are refused (an alias bomb grows a few lines to gigabytes, a tag runs code), and so are keys
that stand twice and keys that YAML does not read as text: a bare `on` is the boolean true.
"""

import math
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import yaml
from yaml.constructor import SafeConstructor

from phasegate.core.errors import InvalidInput
from phasegate.core.findings import Finding, Severity

MOST_BYTES = 256 * 1024
_MOST_KEPT = 64
_MOST_DEPTH = 40
_DEEP = re.compile(r"(?:[\[{][ \t]*){41}")
_MOST_EVENTS = 20_000
_LONGEST_NUMBER = 40
_LARGEST = 2**63
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_STEPS: Mapping[type[yaml.Event], int] = {
    yaml.SequenceStartEvent: 1,
    yaml.MappingStartEvent: 1,
    yaml.SequenceEndEvent: -1,
    yaml.MappingEndEvent: -1,
}
_TIMESTAMP = "tag:yaml.org,2002:timestamp"

_MEND = "mend the YAML at this line; values with a colon or a leading symbol need quotes"

Place = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A document, and where its parts stand."""

    path: str
    value: Any
    lines: Mapping[Place, int]
    """From 1, by keys and indices from the top."""

    def line(self, *place: str | int) -> int:
        """The line of a part, or of the nearest thing around it."""
        known: Place = ()
        for step in place:
            if (*known, step) in self.lines:
                known = (*known, step)
        return self.lines.get(known, 1)


class _Mark(Protocol):
    """A parser position with lines counted from 0."""

    @property
    def line(self) -> int: ...


class _Loader(yaml.SafeLoader):
    """Refuses events as they are parsed. Dates stay text: JMESPath and JSON know none."""

    def __init__(self, text: str, reader: "_Reader") -> None:
        super().__init__(text)
        self._reader = reader
        self._depth = self._events = 0

    def get_event(self) -> yaml.Event:
        """Take the next event, and refuse what nests too deep before it is composed."""
        event: yaml.Event = super().get_event()  # type: ignore[no-untyped-call]
        self._reader.refuse_event(event)
        self._events += 1
        if self._events > _MOST_EVENTS:
            raise self._reader.refused(event.start_mark, "it holds too many values", "split it")
        # Not on what was composed: reading on takes longer with the square of the depth.
        self._depth += _STEPS.get(type(event), 0)
        if self._depth > _MOST_DEPTH:
            raise self._reader.refused(event.start_mark, f"it nests deeper than {_MOST_DEPTH}", "make it flatter")
        return event


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(text: str, path: str, *, check: str, first_line: int = 1) -> Source:
    """Reads a document.

    Args:
        text: The document.
        path: Its name, for findings.
        check: The check that findings name.
        first_line: Where the text begins in its file, for front matter.

    Raises:
        InvalidInput: with a finding for the place that cannot be read.
    """
    source = _read(text, path, check, first_line)
    # What is kept is shared by all who read the same text, and some of them change what they get.
    return replace(source, value=deepcopy(source.value))


@lru_cache(maxsize=_MOST_KEPT)
def _read(text: str, path: str, check: str, first_line: int) -> Source:
    """Parse a document once a process: a team is read at every opening, a spec by every check."""
    reader = _Reader(path=path, check=check, above=first_line - 1)
    size = len(text.encode())
    if size > MOST_BYTES:
        raise reader.refused(None, f"it has {size:,} bytes; {MOST_BYTES:,} is the most", "split it")
    if deep := _DEEP.search(text):
        # The scanner looks ahead over a whole line, with the square of the brackets that are open.
        line = first_line + text.count("\n", 0, deep.start())
        raise reader.refused_at(line, f"it nests deeper than {_MOST_DEPTH}", "make it flatter")
    try:
        loader = _Loader(text, reader)
        node = loader.get_single_node()
        lines = dict(reader.lines(node, ()))
        return Source(path=path, value=loader.construct_document(node) if node else None, lines=lines)
    except yaml.MarkedYAMLError as error:
        raise reader.refused(error.problem_mark or error.context_mark, f"no YAML: {error.problem}", _MEND) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise reader.refused(None, f"no YAML: {error}", _MEND) from error


@dataclass(frozen=True, kw_only=True)
class _Reader:
    path: str
    check: str
    above: int
    """How many lines of the file stand above the text."""

    def refused(self, mark: _Mark | None, message: str, fix: str) -> InvalidInput:
        """The error for one place of the document."""
        return self.refused_at(mark.line + 1 + self.above if mark else self.above, message, fix)

    def refused_at(self, line: int, message: str, fix: str) -> InvalidInput:
        """Return the error for a line of the file."""
        finding = Finding(
            check=self.check,
            rule="unreadable",
            severity=Severity.critical,
            path=self.path,
            line=line,
            message=message,
            fix=fix,
        )
        return InvalidInput(f"{finding.where}: {message}", fix=fix, findings=[finding])

    def refuse_event(self, event: yaml.Event) -> None:
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise self.refused(mark, "anchors and aliases (& and *) are refused", "write the value out")
        if getattr(event, "tag", None):
            raise self.refused(mark, f"the tag {event.tag} is refused", "write a plain value")  # type: ignore[attr-defined]

    def lines(self, node: yaml.Node | None, place: Place) -> Iterator[tuple[Place, int]]:
        if node is None:
            return
        yield place, node.start_mark.line + 1 + self.above
        if node.tag in _NUMBERS:
            self._refuse_number(node)
        if isinstance(node, yaml.SequenceNode):
            for index, entry in enumerate(node.value):
                yield from self.lines(entry, (*place, index))
        if isinstance(node, yaml.MappingNode):
            yield from self._lines_of_map(node, place)

    def _refuse_number(self, node: yaml.Node) -> None:
        """Refuse a number that JSON cannot carry, before a long one is computed: base 60 takes quadratic time."""
        if len(node.value) <= _LONGEST_NUMBER:
            value = SafeConstructor().construct_object(node)
            if isinstance(value, int) and -_LARGEST <= value < _LARGEST:
                return
            if isinstance(value, float) and math.isfinite(value):
                return
        fix = "write a smaller number, or put quotes around a text"
        raise self.refused(node.start_mark, f"the number {node.value[:_LONGEST_NUMBER]} is out of range", fix)

    def _lines_of_map(self, node: yaml.MappingNode, place: Place) -> Iterator[tuple[Place, int]]:
        seen = set[str]()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                written = getattr(key, "value", "?")
                fix = f'put quotes around it: "{written}"'
                raise self.refused(key.start_mark, f"YAML does not read the key {written} as text", fix)
            if key.value in seen:
                raise self.refused(key.start_mark, f"the key {key.value!r} stands twice", "keep one of them")
            seen.add(key.value)
            yield from self.lines(value, (*place, key.value))
            yield (*place, key.value), key.start_mark.line + 1 + self.above
