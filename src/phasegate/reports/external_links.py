"""External views of a run: its links, manual changes there, and failed deliveries."""

from collections.abc import Iterator, Sequence

from phasegate.app.app import App
from phasegate.core.formatting import count
from phasegate.core.report import Report
from phasegate.ledger import Entry, Mirrored, Mirrors, of_kind
from phasegate.ledger.events import DeliveryNoted, TicketChanged


class ManualChange(Report):
    """A manual change of a run's ticket, which is data and never a decision."""

    issue: str
    url: str
    by: str
    at: str
    """As Jira says it: ISO 8601."""
    did: str
    """`moved it from In Progress to Blocked`, or `said: …`."""


class ExternalLink(Report):
    """A link to a run in another service."""

    place: str
    says: str
    """What is there, or what could not be told."""
    url: str = ""
    trouble: bool = False


def by_hand(events: Sequence[Entry]) -> list[ManualChange]:
    """Return manual changes of the run's ticket, in order."""
    return [
        ManualChange(issue=ticket.issue, url=ticket.url, by=change.by, at=change.at, did=change.did)
        for ticket in of_kind(events, TicketChanged)
        for change in ticket.did
    ]


async def outside(app: App, run: str, events: Sequence[Entry]) -> list[ExternalLink]:
    """Return the channels of a run, with manual changes and failed deliveries."""
    rows = await Mirrors(app.database).of_run(run)
    made = [found for row in rows for found in _made(row)]
    late = [ExternalLink(place=row.place, says=row.trouble, trouble=True) for row in rows if row.trouble]
    left = [each for noted in of_kind(events, DeliveryNoted) for each in _left(noted)]
    # Each once: a channel that is down says the same of every event.
    return [*made, *dict.fromkeys(left), *late]


async def remarks(app: App, most: int = 10) -> dict[str, list[ExternalLink]]:
    """Return remarks on failed deliveries and manual changes by run, the newest first."""
    found: dict[str, list[ExternalLink]] = {}
    for entry in await Mirrors(app.database).remarks(most):
        known = found.setdefault(entry.run, [])
        known += [each for noted in of_kind([entry], DeliveryNoted) for each in _left(noted) if each not in known]
    return found


def _made(row: Mirrored) -> Iterator[ExternalLink]:
    if "issue" in row.holds:
        yield ExternalLink(place=row.place, says=f"ticket {row.holds['issue']}", url=str(row.holds["url"]))
    for path, url in row.holds.get("pages", {}).items():
        yield ExternalLink(place=row.place, says=f"page of {path}", url=str(url))
    if row.holds.get("cards"):
        yield ExternalLink(place=row.place, says=f"{count(len(row.holds['cards']), 'card')} of gates")


def _left(noted: DeliveryNoted) -> Iterator[ExternalLink]:
    for says in (*noted.left, *filter(None, [noted.why])):
        yield ExternalLink(place=noted.channel, says=says, trouble=bool(noted.why))
