"""Events of a run that become notifications."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from phasegate.ledger import Event, GateKey, RunStatus


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


_KINDS = {
    "run": Kind.started,
    "gate": Kind.gate,
    "decision": Kind.decided,
    "void": Kind.void,
    "reminder": Kind.reminder,
    "escalated": Kind.escalated,
    "parked": Kind.parked,
    "lapsed": Kind.lapsed,
}
_OF_GATES = (Kind.gate, Kind.decided, Kind.void, Kind.reminder, Kind.escalated, Kind.lapsed)


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
    event: Event
    gate: GateKey | None = None
    """Which gate it is about."""

    @property
    def key(self) -> str:
        """Key of the news within its run."""
        return self.event.key.replace(":", "/")


def news_of(events: Sequence[Event]) -> list[News]:
    """The news among these events, in order."""
    return [found for event in events if (found := _news(event))]


def _news(event: Event) -> News | None:
    if event.kind == "end":
        return News(what=Kind.released if event.body["status"] == RunStatus.released else Kind.rejected, event=event)
    what = _KINDS.get(event.kind)
    if what is None:
        return None
    gate = GateKey(event.run, event.place[0], int(event.place[1])) if what in _OF_GATES else None
    return News(what=what, event=event, gate=gate)
