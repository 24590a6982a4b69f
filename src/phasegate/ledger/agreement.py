"""Rows held against the run's events: a row can be written by whoever can write the database, an event cannot."""

from collections.abc import Iterator, Sequence

from phasegate.core import digest
from phasegate.ledger.events import DecisionRevoked, DecisionTaken, GateKey, GateVoided, RunStarted
from phasegate.ledger.records import Decision, Entry, GateRecord, GateStatus, Run

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
