"""Nodes of the run: evidence, decisions, deciders and the release."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from phasegate.ledger import Decision, Event, GateStatus
from phasegate.reports.trace.model import Kind, Link, Node, Origin, Source
from phasegate.reports.trace.record import GateVisit, Part, Record
from phasegate.workflow import latest_reports

TESTS = "tests-pass"


def of_run(record: Record) -> Part:
    """Everything that the events and decisions of the run say."""
    parts = [*(_passage(record, passage) for passage in record.passages), _onward(record), _release(record)]
    return Part([node for part in parts for node in part.nodes], [link for part in parts for link in part.links])


def reports(record: Record, passage: GateVisit) -> list[Event]:
    """Return reports of checks and reviewers on the gate's tree."""
    return latest_reports(record.events, passage.gate.key.phase, passage.gate.key.attempt)


def evidence_id(event: Event) -> str:
    """`phase/attempt/round/name`."""
    return "/".join(event.place)


def _passage(record: Record, passage: GateVisit) -> Part:
    gate = _gate(passage)
    said = [_evidence(event) for event in reports(record, passage)]
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


def _evidence(event: Event) -> Node:
    found = event.body.get("findings", [])
    blocking = any(finding["severity"] in ("high", "critical") for finding in found)
    said = "; ".join(event.body.get("evidence", [])) or "nothing to object to"
    count = f"{len(found)} finding(s); " if found else ""
    return Node(
        id=evidence_id(event),
        kind=Kind.evidence,
        text=f"{event.kind} {event.place[-1]}: {count}{said}",
        origin=_event(event),
        state="objects" if blocking else "",
    )


def _event(event: Event) -> Origin:
    return Origin(source=Source.event, where=f"{event.seq} {event.key}")


def _ran(record: Record, passage: GateVisit) -> Iterator[Link]:
    """The tests that a report is of: those of the whole file, and of a finding the requirement that it names."""
    for event in reports(record, passage):
        name, origin = evidence_id(event), _event(event)
        if event.place[-1] == TESTS:
            yield Link(source=record.tests, target=name, says="run in", origin=origin)
        for finding in event.body.get("findings", []):
            for touched in {finding.get("requirement"), finding.get("path")} - {None, ""}:
                yield Link(source=touched, target=name, says="objected to in", origin=origin)


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
    event = next((e for e in record.events if e.kind == "effect" and e.place[-1] == "publish"), None)
    through = passed(record.passages)
    if event is None or not through:
        return Part([], [])
    version, origin = str(event.body["version"]), _event(event)
    release = Node(id=version, kind=Kind.release, text=f"{record.facts.project} {version}", origin=origin)
    approved = Link(source=str(through[-1].gate.key), target=version, says="released as", origin=origin)
    files = dict[str, str](event.body.get("files", {}))
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
