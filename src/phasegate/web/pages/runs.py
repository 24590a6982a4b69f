"""Runs: all of them, and one with its way so far, live."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from phasegate.identity import Session
from phasegate.ledger import Decision, Entry, GateRecord, Run, RunStatus, of_kind
from phasegate.ledger.events import ModelCalled
from phasegate.reports.artifacts import made
from phasegate.reports.external_links import by_hand, outside
from phasegate.reports.progress import State, progress
from phasegate.reports.recorded import recorded_costs
from phasegate.reports.spend import By, CallUnderWay, spend_of, under_way
from phasegate.reports.warnings import has_worker, is_unattended
from phasegate.tool_access.requests import waits
from phasegate.web.context import Context, Served
from phasegate.web.run_diagram import draw
from phasegate.web.session_auth import Filled, Person, session_of
from phasegate.web.sse import POLL_SECONDS, frame, streaming

router = APIRouter()
SHOWN = 200
"""Runs on the page that lists them."""
MARKS = {
    State.waiting: "·",
    State.working: "●",
    State.done: "✓",
    State.objects: "!",
    State.gate: "◆",
    State.rejected: "✗",
}
_PARTS = {"progress": "run_live.html", "writing": "run_writing.html", "spend": "run_spend.html"}
"""Parts of a run's page that change while it is shown, each for itself: what a person opened elsewhere stays open."""


@router.get("/runs")
async def runs(context: Served, session: Person) -> Response:
    """Every run, the newest first."""
    rows = [
        (run, context.inbox.subject(run.base, run.base, run.spec).title)
        for run in await context.app.ledger.runs(limit=SHOWN)
    ]
    lives, wrong = await has_worker(context.app), await context.record.read()
    return context.page("runs.html", session, rows=rows, attended=lives, record_lines=wrong)


@router.get("/runs/{run}")
async def run_page(run: str, context: Served, session: Person, decided: str = "", revoked: str = "") -> Response:
    """Show a run."""
    found = await context.run(run)
    events = await context.app.ledger.events(found.id)
    return context.page("run.html", session, decided=decided, revoked=revoked, **await _values(context, found, events))


@router.get("/runs/{run}/live")
async def live(run: str, request: Request, context: Served, session: Person) -> StreamingResponse:
    """The run's state as it changes (server-sent events), until the run or the session ends."""
    found = await context.run(run)
    return streaming(_changes(request, context, session, found.id))


@router.post("/runs/{run}/resume")
async def resume(run: str, context: Served, form: Filled) -> Response:
    """Sends a run on that stands."""
    found = await context.app.resume((await context.run(run)).id)
    return Response(status_code=303, headers={"location": f"/runs/{found.id}"})


async def _changes(request: Request, context: Context, session: Session, run_id: str) -> AsyncIterator[str]:
    shown: dict[str, str] = {}
    while await session_of(request, context):
        run = await context.app.ledger.run(run_id)
        events = await context.app.ledger.events(run_id)
        values = await _values(context, run, events)
        for name, template in _PARTS.items():
            text = context.text(template, session, **values)
            if text != shown.get(name):
                yield frame(name, text)
                shown[name] = text
        if run.status.ended:
            break
        await asyncio.sleep(POLL_SECONDS)
    yield frame("ended", "")


async def _values(context: Context, run: Run, events: list[Entry]) -> dict[str, Any]:
    phases = progress(context.app.flow, events)
    return {
        "run": run,
        "subject": await _subject(context, run),
        "phases": phases,
        "picture": draw(phases),
        "marks": MARKS,
        "gates": await _gates(context, run),
        "made": await made(context.app, run, events),
        "recorded_costs": recorded_costs(of_kind(events, ModelCalled)),
        "outside": await outside(context.app, run.id, events),
        "by_hand": by_hand(events),
        "events": events,
        "asking": await waits(context.app, run.id),
        "spend": await spend_of(context.app, run.id, (By.role,)),
        "writing": await _writing(context, run),
        "idle": [run] if await is_unattended(context.app, run) else [],
    }


async def _writing(context: Context, run: Run) -> list[tuple[CallUnderWay, int]]:
    """Return the calls under way, each with the whole seconds that it took so far."""
    if run.status is not RunStatus.working:
        return []
    now = context.app.clock.now()
    return [(call, int(call.seconds(now))) for call in await under_way(context.app.database, run.id)]


async def _gates(context: Context, run: Run) -> list[tuple[GateRecord, Decision | None]]:
    gates = await context.app.ledger.gates(run.id)
    return [(gate, await context.app.ledger.decision(gate.key)) for gate in gates]


async def _subject(context: Context, run: Run) -> Any:
    gates = await context.app.ledger.gates(run.id)
    if gates:
        return context.inbox.subject(gates[-1].commit, gates[-1].tree, run.spec)
    return context.inbox.subject(run.base, run.base, run.spec)
