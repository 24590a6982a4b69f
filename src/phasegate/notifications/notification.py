"""Events of a run that become notifications."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from phasegate.ledger import Entry, Event, GateKey
from phasegate.ledger.events import (
    DecisionTaken,
    Escalated,
    GateOpened,
    GateVoided,
    InAttempt,
    Reminded,
    RunEnded,
    RunParked,
    RunStarted,
    WaiverExpired,
)


class Kind(StrEnum):
    """Kind of news."""

    started = "started"
    gate = "gate"
    """A gate opened."""
    decided = "decided"
    void = "void"
    """A gate closed with nothing decided, or what was decided does not count any more."""
    reminder = "reminder"
    escalated = "escalated"
    parked = "parked"
    """The run stands until a person sends it on."""
    released = "released"
    rejected = "rejected"
    lapsed = "lapsed"
    """An exception of a released run is over."""


_KINDS: Mapping[type[Event], Kind] = {
    RunStarted: Kind.started,
    GateOpened: Kind.gate,
    DecisionTaken: Kind.decided,
    GateVoided: Kind.void,
    Reminded: Kind.reminder,
    Escalated: Kind.escalated,
    RunParked: Kind.parked,
    WaiverExpired: Kind.lapsed,
}


SUBSCRIPTIONS: Mapping[str, frozenset[Kind]] = {
    "jira": frozenset(Kind) - {Kind.reminder, Kind.escalated},
    "confluence": frozenset({Kind.released}),
    "slack": frozenset(Kind) - {Kind.started},
    "teams": frozenset(Kind) - {Kind.started},
}
"""What is told in each channel."""


@dataclass(frozen=True, kw_only=True)
class News:
    """News for each channel, once."""

    what: Kind
    entry: Entry

    @property
    def event(self) -> Event:
        """The event that the news is of."""
        return self.entry.event

    @property
    def gate(self) -> GateKey | None:
        """The gate that the news is about, or None."""
        return self.event.gate(self.entry.run) if isinstance(self.event, InAttempt) else None

    @property
    def key(self) -> str:
        """Key of the news within its run."""
        return self.event.key.replace(":", "/")


def news_of(entries: Sequence[Entry]) -> list[News]:
    """The news among these events, in order."""
    return [News(what=what, entry=entry) for entry in entries if (what := _kind(entry.event))]


def _kind(event: Event) -> Kind | None:
    return Kind(event.status) if isinstance(event, RunEnded) else _KINDS.get(type(event))
