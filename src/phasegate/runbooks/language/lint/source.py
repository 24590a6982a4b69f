"""YAML nodes of a runbook, each value with its lines and as it is written, and the report about them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from phasegate.core.findings import Finding, Severity
from phasegate.core.plain_yaml import read

CHECK = "runbook-lint"
_BOOLEANS = ("on", "off", "yes", "no")


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

    def get(self, *path: str) -> "Node | None":
        """Return the node under a path of keys, or None where there is nothing or no map."""
        found: Node | None = self
        for key in path:
            found = found.value.get(key) if found is not None and isinstance(found.value, dict) else None
        return found

    def text(self, *path: str) -> str:
        """Return the string under a path of keys, or an empty one."""
        found = self.get(*path)
        return found.value if found is not None and isinstance(found.value, str) else ""

    def items(self, *path: str) -> Mapping[str, "Node"]:
        """Return the entries of the map under a path of keys, none where there is no map."""
        found = self.get(*path)
        return found.value if found is not None and isinstance(found.value, dict) else {}

    def each(self, *path: str) -> list["Node"]:
        """Return the values of the list under a path of keys, or the single value that stands there, or none."""
        found = self.get(*path)
        if found is None:
            return []
        return found.value if isinstance(found.value, list) else [found]

    @property
    def operation(self) -> str:
        """Name of the operation of a step or call, which stands under `op` or in its place."""
        return str((self.get("op") or self).value)

    def plain(self) -> Any:
        """The value without lines, as a YAML reader gives it."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        return [node.plain() for node in self.value] if isinstance(self.value, list) else self.value

    def walk(self) -> Iterator["Node"]:
        """Yield this node and all below it."""
        yield self
        inner = self.value.values() if isinstance(self.value, dict) else self.value
        for node in inner if isinstance(self.value, dict | list) else ():
            yield from node.walk()


def nodes(text: str, path: str, *, check: str) -> Node:
    """The file as nodes.

    Raises:
        InvalidInput: it is no safe YAML; the finding names the line and the fix.
    """
    # The reader alone refuses what is not safe and resolves types, and the composer alone knows lines.
    value = read(text, path, check=check).value
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return _node(root, value) if root is not None else Node(value=None, line=1, last=1)


def node_of(value: Any) -> Node:
    """A value as nodes that stand on no line, for what was read already."""
    if isinstance(value, dict):
        return Node(value={str(key): node_of(entry) for key, entry in value.items()}, line=0, last=0)
    if isinstance(value, list):
        return Node(value=[node_of(entry) for entry in value], line=0, last=0)
    return Node(value=value, line=0, last=0)


def misread_boolean(node: Node) -> bool:
    """Return whether the node is a bare `on`, `off`, `yes` or `no`, which YAML takes for true or false."""
    return isinstance(node.value, bool) and node.raw.lower() in _BOOLEANS


def _node(node: yaml.Node, value: Any) -> Node:
    line = node.start_mark.line + 1 if node.start_mark else 0
    last = node.end_mark.line + 1 if node.end_mark else line
    if isinstance(node, yaml.MappingNode):
        entries = {key.value: _node(entry, value[key.value]) for key, entry in node.value}
        return Node(value=entries, line=line, last=last)
    if isinstance(node, yaml.SequenceNode):
        listed = [_node(entry, own) for entry, own in zip(node.value, value, strict=True)]
        return Node(value=listed, line=line, last=last)
    return Node(value=value, line=line, last=last, raw=str(node.value))


@dataclass(kw_only=True)
class Report:
    """Findings about one file, in the order they were met."""

    path: str
    lines: list[str]
    findings: list[Finding] = field(default_factory=list)

    def add(self, rule: str, severity: Severity, node: Node | int, message: str, fix: str, *, about: str = "") -> None:
        """Add a finding at a node, or at the line within it that holds the word `about`."""
        line = node if isinstance(node, int) else self._line(node, about)
        finding = Finding(
            check=CHECK, rule=rule, severity=severity, path=self.path, line=line, message=message, fix=fix
        )
        if finding not in self.findings:
            self.findings.append(finding)

    def _line(self, node: Node, about: str) -> int:
        for number in range(node.line, min(node.last, len(self.lines)) + 1) if about else ():
            if about in self.lines[number - 1]:
                return number
        return node.line
