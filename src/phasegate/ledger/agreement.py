"""Rows held against the run's events: a row can be written by whoever can write the database, an event cannot."""

from collections.abc import Iterator, Sequence

from phasegate.core import digest
from phasegate.ledger.records import Decision, Event, GateKey, GateRecord, GateStatus, Run

SIGNED = ("spec", "base", "flow", "policy", "by")
"""What the event that tells of a run signs of it."""


def disagreement(run: Run, gates: Sequence[GateRecord], said: Sequence[Decision], events: Sequence[Event]) -> str:
    """Return in words the first row of a run that differs from its events, or an empty string.

    Args:
        run: its row.
        gates: rows of its gates.
        said: rows of what was decided there, with what was revoked.
        events: all of the run, proven.
    """
    return next(_differences(run, {gate.key: gate for gate in gates}, said, events), "")


def _differences(
    run: Run, gates: dict[GateKey, GateRecord], said: Sequence[Decision], events: Sequence[Event]
) -> Iterator[str]:
    stored = {digest(one.statement.encoded()): one for one in said}
    for event in events:
        match event.kind:
            case "run":
                yield from _begun(run, event)
            case "void":
                gate = gates.get(_gate(event))
                if gate is None or gate.status is not GateStatus.void:
                    yield f"gate '{_gate(event)}' is void, and its row says otherwise"
            case "decision":
                if event.body.get("statement") not in stored:
                    yield f"the decision that event {event.seq} tells of is not stored as it was taken"
            case "revoked":
                by, key = event.body["by"], _gate(event)
                if any(one.statement.gate == key and one.statement.by == by and not one.revoked for one in said):
                    yield f"'{by}' took the decision at gate '{key}' back, and its row says otherwise"
            case _:
                pass


def _begun(run: Run, event: Event) -> Iterator[str]:
    for name in SIGNED:
        if name in event.body and event.body[name] != getattr(run, name):
            yield f"its row says {name} '{getattr(run, name)}', and it was begun with '{event.body[name]}'"


def _gate(event: Event) -> GateKey:
    phase, attempt, *_ = event.place
    return GateKey(event.run, phase, int(attempt))
