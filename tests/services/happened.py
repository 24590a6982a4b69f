"""Events as tests record them: a field that does not matter to a test has a value here."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from phasegate.ledger import Entry, Event
from phasegate.ledger.events import Binds, DecisionTaken, Drafted, EffectDone, GateOpened, GateVoided, RoundStarted

NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)


def entries(*events: Event, at: datetime = NOW) -> list[Entry]:
    """Events of run r1 as entries without signatures."""
    return [Entry(run="r1", seq=number, at=at, event=event) for number, event in enumerate(events, start=1)]


def started(phase: str = "plan", attempt: int = 1, number: int = 1) -> RoundStarted:
    """A round began."""
    return RoundStarted(phase=phase, attempt=attempt, round=number)


def drafted(phase: str = "plan", attempt: int = 1, number: int = 1, item: str = "text", **more: Any) -> Drafted:
    """An author wrote an item in that round."""
    return Drafted(phase=phase, attempt=attempt, round=number, item=item, **{"author": "writer", "files": 1, **more})


def opened(phase: str = "plan", attempt: int = 1, **more: Any) -> GateOpened:
    """A gate opened."""
    binds = binds_of(f"r1/{phase}/{attempt}")
    return GateOpened(phase=phase, attempt=attempt, binds=binds, **{"rules": {}, "opened_at": 0, **more})


def binds_of(gate: str, **more: Any) -> Binds:
    """Everything that a decision at the gate is bound to."""
    texts = dict.fromkeys(("tree", "since", "flow", "rules", "policy", "before", "system"), "")
    rows: dict[str, Any] = {"phases": (), "approvers": {}, "delegates": {}, "upstream": (), "findings": ()}
    return Binds(gate=gate, **{**texts, **rows, "quorum": 1, "root": "", **more})


def taken(phase: str = "plan", attempt: int = 1, **more: Any) -> DecisionTaken:
    """Ada approved."""
    said = {"by": "ada", "decision": "approve", "channel": "terminal", "statement": ""}
    return DecisionTaken(phase=phase, attempt=attempt, **{**said, **more})


def voided(phase: str = "plan", attempt: int = 1, reason: str = "stale_digest") -> GateVoided:
    """A gate does not count any more."""
    return GateVoided(phase=phase, attempt=attempt, reason=reason)


def done(phase: str, effect: str, **receipt: Any) -> EffectDone:
    """An effect left that receipt."""
    return EffectDone(phase=phase, effect=effect, receipt=receipt)


def by_kind(found: Iterable[Entry], kind: str) -> list[Event]:
    """Return the events of a kind."""
    return [entry.event for entry in found if entry.event.kind == kind]
