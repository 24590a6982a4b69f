"""Reads YAML that a stranger may have written: values alone, each with its line.

Anchors, aliases and tags are refused (an alias bomb grows a few lines to gigabytes, a tag runs code), and so are keys
that stand twice and keys that YAML does not read as text: a bare `on` is the boolean true.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from phasegate.core.errors import InvalidInput
from phasegate.core.findings import Finding, Severity

MOST_BYTES = 256 * 1024
_MOST_DEPTH = 40
_TIMESTAMP = "tag:yaml.org,2002:timestamp"

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


class _Loader(yaml.SafeLoader):
    """Dates stay text: JMESPath and JSON know none."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(text: str, path: str, *, check: str) -> Source:
    """Reads a document.

    Args:
        text: The document.
        path: Its name, for findings.
        check: The check that findings name.

    Raises:
        InvalidInput: with a finding for the place that cannot be read.
    """
    size = len(text.encode())
    if size > MOST_BYTES:
        raise refused(path, 0, check, f"it has {size:,} bytes; {MOST_BYTES:,} is the most", "split it")
    try:
        for event in yaml.parse(text, Loader=_Loader):
            _refuse_event(event, path, check)
        node = yaml.compose(text, Loader=_Loader)
        lines = dict(_lines(node, (), path, check))
        return Source(path=path, value=yaml.load(text, Loader=_Loader), lines=lines)  # noqa: S506  a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise refused(path, mark.line + 1 if mark else 0, check, f"no YAML: {error.problem}", "mend it") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise refused(path, 0, check, f"no YAML: {error}", "mend it") from error


def refused(path: str, line: int, check: str, message: str, fix: str) -> InvalidInput:
    """The error for one place of a document."""
    finding = Finding(
        check=check, rule="unreadable", severity=Severity.critical, path=path, line=line, message=message, fix=fix
    )
    return InvalidInput(f"{finding.where}: {message}", fix=fix, findings=[finding])


def _refuse_event(event: yaml.Event, path: str, check: str) -> None:
    line = event.start_mark.line + 1 if event.start_mark else 0
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise refused(path, line, check, "anchors and aliases (& and *) are refused", "write the value out")
    if getattr(event, "tag", None):
        raise refused(path, line, check, f"the tag {event.tag} is refused", "write a plain value")  # type: ignore[attr-defined]


def _lines(node: yaml.Node | None, place: Place, path: str, check: str) -> Iterator[tuple[Place, int]]:
    if node is None:
        return
    line = node.start_mark.line + 1
    if len(place) > _MOST_DEPTH:
        raise refused(path, line, check, f"it nests deeper than {_MOST_DEPTH}", "make it flatter")
    yield place, line
    if isinstance(node, yaml.SequenceNode):
        for index, entry in enumerate(node.value):
            yield from _lines(entry, (*place, index), path, check)
    if isinstance(node, yaml.MappingNode):
        yield from _lines_of_map(node, place, path, check)


def _lines_of_map(node: yaml.MappingNode, place: Place, path: str, check: str) -> Iterator[tuple[Place, int]]:
    seen = set[str]()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
            written = getattr(key, "value", "?")
            fix = f'put quotes around it: "{written}"'
            raise refused(path, line, check, f"YAML does not read the key {written} as text", fix)
        if key.value in seen:
            raise refused(path, line, check, f"the key {key.value!r} stands twice", "keep one of them")
        seen.add(key.value)
        yield from _lines(value, (*place, key.value), path, check)
        yield (*place, key.value), line
