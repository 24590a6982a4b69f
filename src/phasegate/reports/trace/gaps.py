"""Missing links, shown and never filled in."""

from collections.abc import Iterator

from phasegate.reports.trace.model import Gap, Kind, Node, TraceGraph
from phasegate.reports.trace.of_run import TESTS
from phasegate.reports.trace.of_tree import kind_of
from phasegate.reports.trace.record import Record


def gaps(trace: TraceGraph, record: Record) -> Iterator[Gap]:
    """Every gap, from the spec to the release."""
    yield from _requirements(trace)
    yield from _criteria(trace)
    yield from _tasks(trace, record)
    yield from _tests(trace)
    yield from _evidence(trace, record)


def _requirements(trace: TraceGraph) -> Iterator[Gap]:
    for node in trace.of(Kind.requirement):
        if not trace.next(node.id, Kind.criterion):
            yield Gap(node=node.id, rule="requirement-without-criterion", text="no acceptance criterion shows it")
        if not trace.next(node.id, Kind.task):
            yield Gap(node=node.id, rule="requirement-without-task", text=f"no task is for it{_yet(trace, Kind.task)}")
    for node in trace.of(Kind.success):
        if not trace.next(node.id, Kind.task, Kind.test, Kind.criterion):
            text = "no task, criterion or test measures it: it shows after the release, or not at all"
            yield Gap(node=node.id, rule="success-without-measure", text=text)


def _criteria(trace: TraceGraph) -> Iterator[Gap]:
    for node in trace.of(Kind.criterion):
        if not any(trace.nodes[link.source].kind is Kind.requirement for link in trace.before.get(node.id, [])):
            yield Gap(node=node.id, rule="criterion-without-requirement", text="it names no requirement")
        if not trace.next(node.id, Kind.test):
            yield Gap(node=node.id, rule="criterion-without-test", text=f"no test shows it{_yet(trace, Kind.test)}")


def _tasks(trace: TraceGraph, record: Record) -> Iterator[Gap]:
    built = any(kind_of(path) is not Kind.document for path in record.paths)
    for node in trace.of(Kind.task):
        if not any(link.says == "makes" for link in trace.after.get(node.id, [])):
            yield Gap(
                node=node.id, rule="task-without-code", text="what it makes is not there" + ("" if built else " yet")
            )
        if not any(trace.nodes[link.source].kind is not Kind.task for link in trace.before.get(node.id, [])):
            yield Gap(node=node.id, rule="task-without-requirement", text="it names no requirement")


def _tests(trace: TraceGraph) -> Iterator[Gap]:
    for node in trace.of(Kind.test):
        if "::" not in node.id:
            continue
        if node.state == "planned" and _written(trace):
            yield Gap(node=node.id, rule="test-not-written", text="it was planned, and is not there")
        elif not any(link.says.endswith("tested by") for link in trace.before.get(node.id, [])):
            yield Gap(node=node.id, rule="test-without-criterion", text="it names no requirement and no criterion")


def _evidence(trace: TraceGraph, record: Record) -> Iterator[Gap]:
    if _written(trace) and not any(node.id.endswith(f"/{TESTS}") for node in trace.of(Kind.evidence)):
        yield Gap(node=record.tests, rule="tests-not-run", text="no test run is on record")


def _written(trace: TraceGraph) -> bool:
    return any("::" in node.id and node.state != "planned" for node in trace.of(Kind.test))


def _yet(trace: TraceGraph, kind: Kind) -> str:
    return "" if trace.of(kind) else " yet"


def of(trace: TraceGraph, *nodes: Node) -> list[Gap]:
    """The gaps of these nodes."""
    ids = {node.id for node in nodes}
    return [gap for gap in trace.gaps if gap.node in ids]
