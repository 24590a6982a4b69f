"""A run for programs, the same from the terminal and the REST API."""

from typing import Any

from phasegate.app.app import App
from phasegate.app.standing import attended
from phasegate.ledger import Event, Run, RunStatus
from phasegate.reports.external_links import by_hand, outside
from phasegate.reports.outputs import made
from phasegate.reports.progress import progress
from phasegate.reports.tool_requests import waits


def run_json(run: Run, *, attended: bool) -> dict[str, Any]:
    """A run in a list.

    Args:
        run: which one.
        attended: whether a worker lives.
    """
    return {
        **vars(run),
        "status": run.status.value,
        "started_at": run.started_at.isoformat(),
        "unattended": run.status is RunStatus.working and not attended,
    }


async def whole_run_json(app: App, run: Run) -> dict[str, Any]:
    """A run with its phases, and with what it made."""
    events = await app.ledger.events(run.id)
    return {
        **run_json(run, attended=await attended(app)),
        "phases": [phase.as_json() for phase in progress(app.flow, events)],
        "tools": [asked.as_json() for wait in await waits(app, run.id) for asked in wait.tools],
        "artifacts": [vars(thing) for thing in await made(app, run, events)],
        "outside": [vars(each) for each in await outside(app, run.id, events)],
        "by_hand": [vars(each) for each in by_hand(events)],
    }


def event_json(event: Event) -> dict[str, Any]:
    """One event of a run."""
    return {
        "seq": event.seq,
        "key": event.key,
        "at": event.at.isoformat(),
        "body": event.body,
        "digest": event.digest.hex(),
    }
