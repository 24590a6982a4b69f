"""A trace: nodes, the links between them from the spec towards the release, and what is missing."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from phasegate.core.report import Report


class Kind(StrEnum):
    """Kind of a node, in the order from the spec to the release."""

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
    """The record of something."""

    file = "file"
    event = "event"
    gate = "gate"
    decision = "decision"
    wheel = "wheel"


class Origin(Report):
    """The place that says so."""

    source: Source
    where: str
    """`path:line` in the tree; number and key of an event; a gate; a file of the index."""

    def __str__(self) -> str:
        return self.where if self.source is Source.file else f"{self.source} {self.where}"


class Node(Report):
    """A thing that can be traced."""

    id: str
    """A requirement's or task's id; a path; `path::test`; `phase/attempt/round/check`; a gate; a name; a version."""
    kind: Kind
    text: str
    origin: Origin
    state: str = ""
    """What has become of it: `planned`, `failed`, `approve`, `open` and so on; empty where there is nothing to say."""


class Link(Report):
    """A step towards the release."""

    source: str
    target: str
    says: str
    """How the target follows from the source, such as `tested by`."""
    origin: Origin


class Gap(Report):
    """A link that should be there and is not."""

    node: str
    rule: str
    """Such as `criterion-without-test`; stable."""
    text: str


class Status(StrEnum):
    """Progress of a requirement."""

    open = "open"
    """Nothing tests it, and no test is written yet."""
    planned = "planned"
    untested = "untested"
    """Tests are written, but a criterion of it has none, or it has no criterion."""
    written = "written"
    """Each criterion has a test; no run of the tests is on record."""
    failing = "failing"
    passed = "passed"


class Row(Report):
    """A requirement."""

    requirement: str
    text: str
    where: str
    """`path:line` of the spec."""
    criteria: tuple[str, ...]
    tasks: tuple[str, ...]
    code: tuple[str, ...]
    """Functions that name it or a criterion of it, as `path::name`."""
    tests: tuple[str, ...]
    """As `path::name`, written or planned."""
    evidence: tuple[str, ...]
    """What the last run of the tests said."""
    status: Status
    gaps: tuple[str, ...]
    """What is missing, in words; empty where nothing is."""


class Step(Report):
    """A node met on a walk, and the link by which it was met."""

    node: Node
    link: Link
    depth: int


class Trace(Report):
    """The trace of a run, or of a spec that no run has taken yet."""

    spec: str
    run: str
    """Empty where no run has taken the spec yet."""
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    gaps: tuple[Gap, ...]
    requirements: tuple[Row, ...]
    """One row per functional requirement, in the order of the spec."""


class Walk(Report):
    """A node with its causes and consequences, the nearest first."""

    node: Node
    follows_from: tuple[Step, ...]
    leads_to: tuple[Step, ...]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, kw_only=True)
class TraceGraph:
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
                    steps.append(Step(node=self.nodes[far(link)], link=link, depth=depth + 1))
        return steps


def _by(rows: Iterable[tuple[str, Link]]) -> dict[str, list[Link]]:
    found: dict[str, list[Link]] = {}
    for key, link in rows:
        found.setdefault(key, []).append(link)
    return found
