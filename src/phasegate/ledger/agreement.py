"""Rows held against the run's events: a row can be written by whoever can write the database, an event cannot."""

from collections.abc import Iterator, Sequence

from phasegate.core import digest
from phasegate.ledger.events import (
    DecisionRevoked,
    DecisionTaken,
    GateKey,
    GateOpened,
    GateVoided,
    RunEnded,
    RunStarted,
)
from phasegate.ledger.records import Decision, Entry, GateRecord, GateStatus, Run, RunStatus, approvals, of_kind

SIGNED = ("spec", "base", "flow", "policy", "by")
"""What the event that tells of a run signs of it."""


def disagreement(run: Run, gates: Sequence[GateRecord], said: Sequence[Decision], events: Sequence[Entry]) -> str:
    """Return in words the first row of a run that differs from its events, or an empty string.

    Args:
        run: its row.
        gates: rows of its gates.
        said: rows of what was decided there, with what was revoked.
        events: all of the run, proven.
    """
    return next(_differences(run, {gate.key: gate for gate in gates}, said, events), "")


def unlike(run: Run, gates: Sequence[GateRecord], said: Sequence[Decision], events: Sequence[Entry]) -> str:
    """Return in words the first row that hides or feigns something, or an empty string.

    No run goes on by such a row, so that it is no reason to refuse the whole record. But lists are read from rows.

    Args:
        run: its row.
        gates: rows of its gates.
        said: rows of what was decided there, with what was revoked.
        events: all of the run, proven.
    """
    return next(_unlike(run, {gate.key: gate for gate in gates}, said, events), "")


def _unlike(
    run: Run, gates: dict[GateKey, GateRecord], said: Sequence[Decision], events: Sequence[Entry]
) -> Iterator[str]:
    if not of_kind(events, RunStarted):
        yield "no event tells of its start"
    ended = next((event.status for event in of_kind(events, RunEnded)), "")
    if ended != (run.status if run.status.ended else ""):
        yield f"its row says '{run.status}', and its events say '{ended or 'not ended'}'"
    if run.note and run.status is not RunStatus.parked:
        yield "its row has a note, and it is not parked"
    opened = {event.gate(run.id): event for event in of_kind(events, GateOpened)}
    yield from (f"gate '{key}' was opened, and its row is gone" for key in opened if key not in gates)
    voided = {event.gate(run.id) for event in of_kind(events, GateVoided)}
    for key, gate in gates.items():
        taken = [one for one in said if one.statement.gate == key and not one.revoked]
        if key not in opened:
            yield f"no event tells of gate '{key}'"
        else:
            yield from _gate_unlike(gate, opened[key], _status(key in voided, taken, opened[key]))


def _status(void: bool, taken: Sequence[Decision], opened: GateOpened) -> GateStatus:
    """Return the status of a gate by its events."""
    if void:
        return GateStatus.void
    by_policy = any(one.statement.by.startswith("policy:") for one in taken)
    whole = by_policy or any(not one.passes for one in taken) or approvals(taken) >= opened.binds.quorum
    return GateStatus.decided if taken and whole else GateStatus.open


def _gate_unlike(gate: GateRecord, opened: GateOpened, status: GateStatus) -> Iterator[str]:
    if gate.status is not status:
        yield f"the row of gate '{gate.key}' says '{gate.status}', and its events say '{status}'"
    shown = (opened.binds.digest, opened.binds.tree, opened.opened_at)
    if shown != (gate.digest, gate.tree, int(gate.opened_at.timestamp())):
        yield f"the row of gate '{gate.key}' is not what was recorded when it opened"


def _differences(
    run: Run, gates: dict[GateKey, GateRecord], said: Sequence[Decision], events: Sequence[Entry]
) -> Iterator[str]:
    stored = {digest(one.statement.encoded()): one for one in said}
    for entry in events:
        match entry.event:
            case RunStarted() as started:
                yield from _begun(run, started)
            case GateVoided() as voided:
                gate = gates.get(key := voided.gate(run.id))
                if gate is None or gate.status is not GateStatus.void:
                    yield f"gate '{key}' is void, and its row says otherwise"
            case DecisionTaken(statement=statement):
                # A stored decision of which no event tells is no difference: it was never taken, and
                # `GateHistory.believed` leaves it out.
                if statement not in stored:
                    yield f"the decision that event {entry.seq} tells of is not stored as it was taken"
            case DecisionRevoked(by=by) as revoked:
                key = revoked.gate(run.id)
                if any(one.statement.gate == key and one.statement.by == by and not one.revoked for one in said):
                    yield f"'{by}' took the decision at gate '{key}' back, and its row says otherwise"
            case _:
                pass


def _begun(run: Run, started: RunStarted) -> Iterator[str]:
    for name in SIGNED:
        if getattr(started, name) != getattr(run, name):
            yield f"its row says {name} '{getattr(run, name)}', and it was begun with '{getattr(started, name)}'"
