"""Work items as people and programs read them."""

from datetime import datetime
from typing import Any

from pydantic import Field

from phasegate.app import App
from phasegate.authors.assistant import Lease, WorkItem, WorkItems
from phasegate.core.report import Report


class Work(Report):
    """An order to a role that waits for an assistant."""

    item: str
    run: str
    phase: str
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
    rounds: int
    """Number of answers that were not accepted."""


class WholeWork(Work):
    """An order with what its assistant is told."""

    instructions: str


class TakenWork(WholeWork):
    """An order that was taken."""

    lease: str
    """Proves that you took it: give it with each later call about the order."""
    schema_: dict[str, Any] = Field(alias="schema")
    """JSON Schema of the answer."""


def shown_item(item: WorkItem) -> Work:
    """Return a work item as a report."""
    return Work.model_validate(_fields(item))


def whole_item(item: WorkItem, instructions: str) -> WholeWork:
    """Return a work item with its instructions as a report."""
    return WholeWork.model_validate({**_fields(item), "instructions": instructions})


def taken_item(lease: Lease) -> TakenWork:
    """Return an item that was taken as a report."""
    more = {"instructions": lease.instructions, "lease": lease.secret, "schema": lease.schema}
    return TakenWork.model_validate({**_fields(lease.item), **more})


def _fields(item: WorkItem) -> dict[str, Any]:
    return {"item": item.id} | {name: getattr(item, name) for name in Work.model_fields if name != "item"}


async def handed_in(app: App, items: WorkItems, item: str, secret: str, answer: Any) -> WorkItem:
    """Store an answer, and send its run on."""
    return await items.hand_in(item, secret, answer, (await app.queue.opened()).dispatch)
