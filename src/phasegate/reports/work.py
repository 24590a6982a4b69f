"""Work items as people and programs read them."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from phasegate.app import App
from phasegate.authors.assistant import Lease, WorkItem, WorkItems
from phasegate.core.report import Report, Timestamp


class Note(Report):
    """Confirmation of what was done."""

    note: str


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
    opened_at: Timestamp
    holder: str
    """Who has taken it; empty: nobody."""
    held_until: Timestamp | None
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


def items_of(app: App) -> WorkItems:
    """Return the work items of a repository."""
    return WorkItems(database=app.database)


def oldest_first(item: WorkItem) -> tuple[int | str, ...]:
    """Return the key by which a list of items is sorted and paged."""
    return int(item.opened_at.timestamp() * 1000), item.id


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


def waits_for(items: Sequence[WorkItem]) -> str:
    """Return in words what a run waits for whose orders these are."""
    roles = ", ".join(f"{item.role} ({item.phase})" for item in items)
    return f"it waits for an assistant as {roles}"


async def handed_in(app: App, items: WorkItems, item: str, secret: str, answer: Any) -> WorkItem:
    """Store an answer, and send its run on."""
    return await items.hand_in(item, secret, answer, (await app.queue.opened()).dispatch)


def client_config(server: str, folder: Path) -> dict[str, Any]:
    """Return the configuration with which an MCP client starts one of our servers, from whatever folder it runs in."""
    beside = Path(sys.executable).with_name("phasegate")
    words = ["mcp", server, *(["--repository", str(folder)] if server == "phasegate" else [])]
    found = {"command": str(beside) if beside.exists() else "phasegate", "args": words}
    return {"mcpServers": {server: found}}
