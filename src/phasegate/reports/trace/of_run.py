"""Nodes of the run: evidence, decisions, deciders and the release."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from phasegate.ledger import Decision, Entry, GateStatus, of_kind
from phasegate.ledger.events import EffectDone, Judgement
from phasegate.reports.trace.model import Kind, Link, Node, Origin, Source
from phasegate.reports.trace.record import GateVisit, Part, Record
from phasegate.workflow import latest_reports

TESTS = "tests-pass"


def of_run(record: Record) -> Part:
    """Everything that the events and decisions of the run say."""
    parts = [*(_passage(record, passage) for passage in record.passages), _onward(record), _release(record)]
    return Part([node for part in parts for node in part.nodes], [link for part in parts for link in part.links])


def reports(record: Record, passage: GateVisit) -> list[tuple[Judgement, Origin]]:
    """Return reports of checks and reviewers on the gate's tree, each with its event."""
    key, judged = passage.gate.key, of_kind(record.events, Judgement)
    latest = latest_reports(judged, key.phase, key.attempt)
    return [
        (entry.event, _origin(entry))
        for entry in record.events
        if isinstance(entry.event, Judgement) and entry.event in latest
    ]


def _passage(record: Record, passage: GateVisit) -> Part:
    gate = _gate(passage)
    said = [_evidence(*each) for each in reports(record, passage)]
    seen = [Link(source=node.id, target=gate.id, says="seen at", origin=node.origin) for node in said]
    files = [Link(source=path, target=gate.id, says="read at", origin=gate.origin) for path in passage.changed]
    return Part([gate, *said, *_people(passage)], [*seen, *files, *_ran(record, passage), *_by(passage)])


def _gate(passage: GateVisit) -> Node:
    gate, said = passage.gate, passage.decisions
    name = str(gate.key)
    if not said:
        origin = Origin(source=Source.gate, where=name)
        return Node(id=name, kind=Kind.decision, text=f"tree {gate.tree[:12]}", origin=origin, state=gate.status.value)
    text = "; ".join([*(_told(decision) for decision in said), f"tree {gate.tree[:12]}"])
    state = said[-1].statement.kind.value if gate.status is GateStatus.decided else gate.status.value
    return Node(id=name, kind=Kind.decision, text=text, origin=_signed(said[-1]), state=state)


def _told(decision: Decision) -> str:
    statement = decision.statement
    right = f" instead of {statement.instead_of}" if statement.instead_of else ""
    revoked = ", revoked" if decision.revoked else ""
    return f"{statement.kind} by {statement.by}{right}, {statement.at:%Y-%m-%d %H:%M} UTC{revoked}"


def _signed(decision: Decision) -> Origin:
    statement = decision.statement
    return Origin(source=Source.decision, where=f"{statement.gate} by {statement.by} sha256 {statement.digest}")


def _people(passage: GateVisit) -> list[Node]:
    return [Node(id=d.statement.by, kind=Kind.person, text="", origin=_signed(d)) for d in passage.decisions]


def _by(passage: GateVisit) -> list[Link]:
    name = str(passage.gate.key)
    return [Link(source=name, target=node.id, says="taken by", origin=node.origin) for node in _people(passage)]


def _evidence(report: Judgement, origin: Origin) -> Node:
    count = f"{len(report.findings)} finding(s); " if report.findings else ""
    return Node(
        id=report.place,
        kind=Kind.evidence,
        text=f"{report.kind} {report.name}: {count}{report.saw or 'nothing to object to'}",
        origin=origin,
        state="objects" if report.blocking else "",
    )


def _origin(entry: Entry) -> Origin:
    return Origin(source=Source.event, where=f"{entry.seq} {entry.key}")


def _ran(record: Record, passage: GateVisit) -> Iterator[Link]:
    """The tests that a report is of: those of the whole file, and of a finding the requirement that it names."""
    for report, origin in reports(record, passage):
        if report.name == TESTS:
            yield Link(source=record.tests, target=report.place, says="run in", origin=origin)
        for finding in report.findings:
            for touched in {finding.requirement, finding.path} - {""}:
                yield Link(source=touched, target=report.place, says="objected to in", origin=origin)


def passed(passages: Iterable[GateVisit]) -> list[GateVisit]:
    """The last passage of each phase that was let through, in order."""
    return list({passage.gate.key.phase: passage for passage in passages if passage.passed}.values())


def _onward(record: Record) -> Part:
    through = passed(record.passages)
    names = [str(passage.gate.key) for passage in through]
    return Part(
        [],
        [
            Link(source=before, target=after, says="goes on to", origin=Origin(source=Source.gate, where=after))
            for before, after in pairwise(names)
        ],
    )


def _release(record: Record) -> Part:
    through = passed(record.passages)
    done = [(each.event, _origin(each)) for each in record.events if isinstance(each.event, EffectDone)]
    receipt, origin = next(((e.receipt, origin) for e, origin in done if e.effect == "publish"), ({}, None))
    if origin is None or not through:
        return Part([], [])
    version = str(receipt["version"])
    release = Node(id=version, kind=Kind.release, text=f"{record.facts.project} {version}", origin=origin)
    approved = Link(source=str(through[-1].gate.key), target=version, says="released as", origin=origin)
    files = dict[str, str](receipt.get("files", {}))
    wheels = [
        Node(id=name, kind=Kind.wheel, text=f"sha256 {sha256}", origin=Origin(source=Source.wheel, where=name))
        for name, sha256 in sorted(files.items())
    ]
    held = [Link(source=version, target=node.id, says="published as", origin=origin) for node in wheels]
    return Part([release, *wheels], [approved, *held, *_shipped(record, files)])


def _shipped(record: Record, files: Iterable[str]) -> Iterator[Link]:
    for name in files:
        inside = record.wheels.get(name, frozenset())
        for path in record.paths:
            if path.removeprefix("src/") in inside:
                origin = Origin(source=Source.wheel, where=f"{name}!{path.removeprefix('src/')}")
                yield Link(source=path, target=name, says="shipped in", origin=origin)
