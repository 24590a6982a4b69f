"""Views of a trace: requirements, walks, and the node that a person means."""

import difflib
from collections.abc import Sequence

from phasegate.core import UsageError
from phasegate.reports.trace.gaps import of
from phasegate.reports.trace.model import Kind, Node, Row, Status, Trace, TraceGraph, Walk
from phasegate.reports.trace.of_run import TESTS


def report(trace: TraceGraph) -> Trace:
    """Return the whole trace with its requirement rows."""
    return Trace(
        spec=trace.spec,
        run=trace.run,
        nodes=tuple(trace.nodes.values()),
        links=trace.links,
        gaps=trace.gaps,
        requirements=tuple(requirement_rows(trace)),
    )


def walk(trace: TraceGraph, node: Node) -> Walk:
    """Return a node with all that it follows from and leads to."""
    return Walk(
        node=node,
        follows_from=tuple(trace.back(node.id)),
        leads_to=tuple(trace.onward(node.id)),
        gaps=tuple(gap for gap in trace.gaps if gap.node == node.id),
    )


def requirement_rows(trace: TraceGraph) -> list[Row]:
    """Every functional requirement with what was made of it, in the spec's order."""
    return [_row(trace, node) for node in trace.of(Kind.requirement)]


def _row(trace: TraceGraph, node: Node) -> Row:
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


def _near(trace: TraceGraph, group: Sequence[Node], kind: Kind) -> list[Node]:
    found = {near.id: near for node in group for near in trace.next(node.id, kind)}
    return sorted(found.values(), key=lambda each: list(trace.nodes).index(each.id))


def _ids(nodes: Sequence[Node]) -> tuple[str, ...]:
    return tuple(node.id for node in nodes)


def _test_runs(trace: TraceGraph) -> list[Node]:
    return [node for node in trace.of(Kind.evidence) if node.id.endswith(f"/{TESTS}")][-1:]


def _status(
    trace: TraceGraph, node: Node, criteria: Sequence[Node], tests: Sequence[Node], said: Sequence[Node]
) -> Status:
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


def find(trace: TraceGraph, name: str) -> list[Node]:
    """Return the node of that id, or else those with that last part: a test, function, file or gate.

    Raises:
        UsageError: there is none; the fix names the nearest.
    """
    exact = trace.nodes.get(name)
    if exact:
        return [exact]
    wanted = name.casefold()
    ends = [node for node in trace.nodes.values() if wanted in _names(node)]
    if ends:
        return ends
    raise UsageError(f"the trace of '{trace.run or trace.spec}' has no '{name}'", fix=_nearest(trace, wanted))


def _names(node: Node) -> set[str]:
    """Return the names of a node: its id, and the last parts of it."""
    whole = node.id.casefold()
    path, _, name = whole.rpartition("::")
    parts = {whole, name or path, whole.rpartition("/")[2]}
    return parts if "::" in whole else {*parts, whole.partition("/")[2]}


def _nearest(trace: TraceGraph, wanted: str) -> str:
    known = {name: node.id for node in trace.nodes.values() for name in sorted(_names(node)) if name}
    close = difflib.get_close_matches(wanted, known, n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(f"'{known[name]}'" for name in close) + "?"
    return "name a requirement, criterion, task, test, path, gate, version or person; without one you see all"
