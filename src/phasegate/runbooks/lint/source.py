"""Reads a runbook's YAML so that every value still knows its line, and names what YAML would read otherwise."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

LARGEST = 256 * 1024
"""Characters of the longest file that is read: the longest real one is a hundredth of it."""
DEEPEST = 40

_BOOLEANS = {"on": True, "yes": True, "y": True, "off": False, "no": False, "n": False}
_TAG = "tag:yaml.org,2002:"
_TAGS = frozenset(_TAG + kind for kind in ("str", "int", "float", "bool", "null", "seq", "map", "timestamp"))


@dataclass(frozen=True, kw_only=True)
class Node:
    """A value of the file."""

    value: Any
    """A map from key to `Node`, a list of `Node`, or a plain value."""
    line: int
    """First line, from 1."""
    last: int
    raw: str = ""
    """A plain value as it is written."""
    keys: tuple["Node", ...] = ()
    """Of a map, as they are written."""

    def get(self, *path: str) -> "Node | None":
        """What stands under a path of keys; None where there is nothing, or no map."""
        found: Node | None = self
        for key in path:
            found = found.value.get(key) if found is not None and isinstance(found.value, dict) else None
        return found

    def text(self, *path: str) -> str:
        """The string under a path of keys; empty where there is none."""
        found = self.get(*path)
        return found.value if found is not None and isinstance(found.value, str) else ""

    def items(self) -> Mapping[str, "Node"]:
        """The entries, if it is a map."""
        return self.value if isinstance(self.value, dict) else {}

    def each(self) -> list["Node"]:
        """The values of a list; a single value counts as a list of one."""
        return self.value if isinstance(self.value, list) else [self]

    def plain(self) -> Any:
        """The value without lines, as a YAML reader gives it."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        return [node.plain() for node in self.value] if isinstance(self.value, list) else self.value

    def walk(self) -> Iterator["Node"]:
        """This value, its keys, and all that it holds."""
        yield self
        yield from self.keys
        inner = self.value.values() if isinstance(self.value, dict) else self.value
        for node in inner if isinstance(self.value, dict | list) else ():
            yield from node.walk()


class Unreadable(Exception):
    """Why a file cannot be read as a runbook at all."""

    def __init__(self, *, rule: str, message: str, line: int, fix: str) -> None:
        super().__init__(message)
        self.rule, self.line, self.fix = rule, line, fix


def read(text: str) -> Node:
    """The file as nodes.

    Raises:
        Unreadable: it is too long or too deep, not YAML, not a map, or uses what the language leaves out
            (aliases, tags, keys given twice).
    """
    if len(text) > LARGEST:
        raise Unreadable(
            rule="too-long",
            message=f"the file has {len(text):,} characters; {LARGEST:,} are read at most",
            line=0,
            fix="a runbook is a page: split it",
        )
    try:
        root = _compose(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise Unreadable(
            rule="yaml",
            message=f"not YAML: {getattr(error, 'problem', None) or error}",
            line=mark.line + 1 if mark else 0,
            fix="put text that holds a colon, a quote, @, ! or a back-tick in double quotes",
        ) from None
    if not isinstance(root, yaml.MappingNode):
        message = "the file is empty" if root is None else "the file is no map"
        raise Unreadable(rule="yaml", message=message, line=1, fix="write keys and values: list, id and match at least")
    return _node(root)


def misread_boolean(node: Node) -> bool:
    """Whether it is a bare `on`, `off`, `yes` or `no`, which YAML takes for true or false."""
    return isinstance(node.value, bool) and node.raw.lower() in _BOOLEANS


def _compose(text: str) -> yaml.Node | None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Unreadable(
                rule="alias",
                message="anchors and aliases (&, *) are not part of the language",
                line=line,
                fix="write the value out, or put the text in quotes",
            )
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            message = f"it is nested more than {DEEPEST} deep"
            raise Unreadable(rule="too-deep", message=message, line=line, fix="a runbook needs ten at most")
    return yaml.compose(text, Loader=yaml.SafeLoader)


def _node(node: yaml.Node) -> Node:
    line, last = node.start_mark.line + 1, node.end_mark.line + 1
    if node.tag not in _TAGS:
        raise Unreadable(
            rule="tag",
            message=f"the tag {node.tag.removeprefix(_TAG)!r} is not part of the language",
            line=line,
            fix="put the text in quotes, or leave the tag out",
        )
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, line, last)
    if isinstance(node, yaml.SequenceNode):
        return Node(value=[_node(item) for item in node.value], line=line, last=last)
    return Node(value=_scalar(node), line=line, last=last, raw=str(node.value))


def _mapping(node: yaml.MappingNode, line: int, last: int) -> Node:
    keys = tuple(_node(key) for key, _ in node.value)
    entries: dict[str, Node] = {}
    for key, (_, value) in zip(keys, node.value, strict=True):
        if key.raw in entries:
            raise Unreadable(
                rule="key-twice",
                message=f"{key.raw!r} stands twice in one map; YAML keeps the last and drops the first silently",
                line=key.line,
                fix="leave one of them out",
            )
        entries[key.raw] = _node(value)
    return Node(value=entries, line=line, last=last, keys=keys)


def _scalar(node: yaml.Node) -> Any:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node)
    except (ValueError, yaml.YAMLError) as error:
        line = node.start_mark.line + 1
        message = f"{node.value!r} cannot be read: {error}"
        raise Unreadable(rule="yaml", message=message, line=line, fix="put it in quotes") from None
    finally:
        loader.dispose()
