"""A trace: nodes, the links between them from the spec towards the release, and what is missing."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple


class Kind(StrEnum):
    """What a node is, in the order from the spec to the release."""

    spec = "spec"
    requirement = "requirement"
    success = "success criterion"
    criterion = "acceptance criterion"
    task = "task"
    code = "code"
    test = "test"
    document = "document"
    evidence = "evidence"
    decision = "decision"
    person = "person"
    release = "release"
    wheel = "wheel"


class Source(StrEnum):
    """Where something is on record."""

    file = "file"
    event = "event"
    gate = "gate"
    decision = "decision"
    wheel = "wheel"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The place that says so."""

    source: Source
    where: str
    """`path:line` in the tree; number and key of an event; a gate; a file of the index."""

    def __str__(self) -> str:
        return self.where if self.source is Source.file else f"{self.source} {self.where}"


@dataclass(frozen=True, kw_only=True)
class Node:
    """One thing that can be traced."""

    id: str
    """A requirement's or task's id; a path; `path::test`; `phase/attempt/round/check`; a gate; a name; a version."""
    kind: Kind
    text: str
    origin: Origin
    state: str = ""
    """What has become of it: `planned`, `failed`, `approve`, `open` and so on; empty where there is nothing to say."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """One step towards the release."""

    source: str
    target: str
    says: str
    """How the target follows from the source, such as `tested by`."""
    origin: Origin


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A link that should be there and is not."""

    node: str
    rule: str
    """Such as `criterion-without-test`; stable."""
    text: str


class Step(NamedTuple):
    """A node met on a walk, and the link by which it was met."""

    node: Node
    link: Link
    depth: int


@dataclass(frozen=True, kw_only=True)
class Trace:
    """All of one run, or of a spec that has none yet."""

    spec: str
    run: str
    """Empty: no run has taken the spec yet."""
    nodes: Mapping[str, Node]
    links: tuple[Link, ...]
    gaps: tuple[Gap, ...]

    @cached_property
    def after(self) -> Mapping[str, list[Link]]:
        """The links that leave a node, by its id."""
        return _by((link.source, link) for link in self.links)

    @cached_property
    def before(self) -> Mapping[str, list[Link]]:
        """The links that lead to a node, by its id."""
        return _by((link.target, link) for link in self.links)

    def of(self, kind: Kind) -> list[Node]:
        """All nodes of a kind, in order."""
        return [node for node in self.nodes.values() if node.kind is kind]

    def onward(self, start: str) -> list[Step]:
        """Everything that follows from a node, nearest first: towards the release."""
        return self._walk(start, self.after, lambda link: link.target)

    def back(self, start: str) -> list[Step]:
        """Everything that a node follows from, nearest first: towards the spec."""
        return self._walk(start, self.before, lambda link: link.source)

    def next(self, start: str, *kinds: Kind) -> list[Node]:
        """The nodes of these kinds one step towards the release."""
        return [node for link in self.after.get(start, []) if (node := self.nodes[link.target]).kind in kinds]

    def _walk(self, start: str, links: Mapping[str, list[Link]], far: Callable[[Link], str]) -> list[Step]:
        met, waiting, steps = {start}, deque([(start, 0)]), list[Step]()
        while waiting:
            here, depth = waiting.popleft()
            for link in links.get(here, []):
                if far(link) not in met:
                    met.add(far(link))
                    waiting.append((far(link), depth + 1))
                    steps.append(Step(self.nodes[far(link)], link, depth + 1))
        return steps

    def as_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        return {
            "spec": self.spec,
            "run": self.run,
            "nodes": [node_json(node) for node in self.nodes.values()],
            "links": [link_json(link) for link in self.links],
            "gaps": [vars(gap) for gap in self.gaps],
        }


def node_json(node: Node) -> dict[str, Any]:
    """A node for programs."""
    return {**vars(node), "kind": node.kind.value, "origin": vars(node.origin)}


def link_json(link: Link) -> dict[str, Any]:
    """A link for programs."""
    return {**vars(link), "origin": vars(link.origin)}


def walk_json(trace: Trace, node: Node) -> dict[str, Any]:
    """A node with everything that it follows from, and that follows from it, for programs."""
    return {
        "node": node_json(node),
        "follows_from": [_step_json(step) for step in trace.back(node.id)],
        "leads_to": [_step_json(step) for step in trace.onward(node.id)],
        "gaps": [vars(gap) for gap in trace.gaps if gap.node == node.id],
    }


def _step_json(step: Step) -> dict[str, Any]:
    return {"node": node_json(step.node), "link": link_json(step.link), "depth": step.depth}


def _by(rows: Iterable[tuple[str, Link]]) -> dict[str, list[Link]]:
    found: dict[str, list[Link]] = {}
    for key, link in rows:
        found.setdefault(key, []).append(link)
    return found
