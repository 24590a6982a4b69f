"""Work items as people and programs read them."""

from datetime import datetime
from typing import Any

from phasegate.app import App
from phasegate.authors.assistant import WorkItem, WorkItems
from phasegate.core.report import Report


class Work(Report):
    """An order to a role that waits for an assistant."""

    item: str
    run: str
    role: str
    task: str
    """`draft` or `review`."""
    key: str
    """Name of the draft or review within the run, `PHASE/ATTEMPT/ROUND/NAME`."""
    opened_at: datetime
    holder: str
    """Who has taken it; empty: nobody."""
    held_until: datetime | None
    problem: str
    """Why the last answer was not accepted; empty: none was given, or it was."""


def shown_item(item: WorkItem) -> Work:
    """Return a work item as a report."""
    return Work(
        item=item.id,
        run=item.run,
        role=item.role,
        task=item.task,
        key=item.key,
        opened_at=item.opened_at,
        holder=item.holder,
        held_until=item.held_until,
        problem=item.problem,
    )


async def handed_in(app: App, items: WorkItems, item: str, secret: str, answer: Any) -> WorkItem:
    """Store an answer, and send its run on."""
    done = await items.hand_in(item, secret, answer)
    await app.resume(done.run)
    return done
