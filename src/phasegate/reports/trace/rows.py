"""A trace as a table: one row for each requirement, as a manager reads it at a gate."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from phasegate.reports.trace.gaps import of
from phasegate.reports.trace.model import Kind, Node, Trace
from phasegate.reports.trace.of_run import TESTS


class Status(StrEnum):
    """How far a requirement has come."""

    open = "open"
    """Nothing tests it, and no test is written yet."""
    planned = "planned"
    untested = "untested"
    """Tests are written, but a criterion of it has none, or it has no criterion."""
    written = "written"
    """Each criterion has a test; no run of the tests is on record."""
    failing = "failing"
    passed = "passed"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One requirement."""

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

    def as_json(self) -> dict[str, Any]:
        """The row for programs."""
        return {**vars(self), "status": self.status.value}


def requirement_rows(trace: Trace) -> list[Row]:
    """Every functional requirement with what was made of it, in the spec's order."""
    return [_row(trace, node) for node in trace.of(Kind.requirement)]


def _row(trace: Trace, node: Node) -> Row:
    criteria = trace.next(node.id, Kind.criterion)
    group = [node, *criteria]
    tests = [test for test in _near(trace, group, Kind.test) if "::" in test.id]
    said = _test_runs(trace) if tests else []
    return Row(
        requirement=node.id,
        text=node.text,
        where=node.origin.where,
        criteria=_ids(criteria),
        tasks=_ids(_near(trace, group, Kind.task)),
        code=_ids(_near(trace, group, Kind.code)),
        tests=_ids(tests),
        evidence=tuple(each.text for each in said),
        status=_status(trace, node, criteria, tests, said),
        gaps=tuple(f"{gap.node}: {gap.text}" for gap in of(trace, *group)),
    )


def _near(trace: Trace, group: Sequence[Node], kind: Kind) -> list[Node]:
    found = {near.id: near for node in group for near in trace.next(node.id, kind)}
    return sorted(found.values(), key=lambda each: list(trace.nodes).index(each.id))


def _ids(nodes: Sequence[Node]) -> tuple[str, ...]:
    return tuple(node.id for node in nodes)


def _test_runs(trace: Trace) -> list[Node]:
    return [node for node in trace.of(Kind.evidence) if node.id.endswith(f"/{TESTS}")][-1:]


def _status(trace: Trace, node: Node, criteria: Sequence[Node], tests: Sequence[Node], said: Sequence[Node]) -> Status:
    written = [test for test in trace.of(Kind.test) if "::" in test.id and test.state != "planned"]
    shown = tests if not criteria else [c for c in criteria if trace.next(c.id, Kind.test)]
    whole = bool(tests) and len(shown) >= len(criteria)
    if not written:
        return Status.planned if whole else Status.open
    if not whole or any(test.state == "planned" for test in tests):
        return Status.untested
    if not said:
        return Status.written
    return Status.failing if said[0].state else Status.passed
