"""Specs and runs."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import StreamingResponse

from phasegate.core import canonical
from phasegate.core.paging import page_of
from phasegate.reports.backlog import Backlog, BacklogItem
from phasegate.reports.run import Event, Run, WholeRun, newest_first, whole_run
from phasegate.reports.trace import Trace, report, trace_of
from phasegate.reports.warnings import has_worker
from phasegate.web.api import models
from phasegate.web.api.bearer import Reads, Runs, credentials
from phasegate.web.api.models import After, Limit
from phasegate.web.context import Context, Served
from phasegate.web.sse import POLL_SECONDS, frame, streaming

router = APIRouter(tags=["runs"])
AfterEvent = Annotated[int, Query(ge=0, le=2**31)]


@router.get("/specs", response_model=models.Listing[BacklogItem])
async def specs(context: Served, token: Reads, after: After = "", limit: Limit = 50) -> Any:
    """Specs that no run has taken yet, in the manager's order."""
    backlog = Backlog(context.app)
    shown, following = page_of(list(enumerate(await backlog.names())), lambda row: (row[0],), after, limit)
    return {"items": [await backlog.look(spec) for _, spec in shown], "next": following}


@router.get("/runs", response_model=models.Listing[Run])
async def runs(context: Served, token: Reads, after: After = "", limit: Limit = 50) -> Any:
    """Runs, the newest first."""
    shown, following = page_of(await context.app.ledger.runs(), newest_first, after, limit)
    lives = await has_worker(context.app)
    return {"items": [Run.of(run, attended=lives) for run in shown], "next": following}


@router.post("/runs", status_code=201, response_model=Run)
async def start(wish: models.Start, context: Served, token: Runs) -> Any:
    """Begins a run of a spec of the backlog."""
    begun = await Backlog(context.app).begin(wish.spec, who=credentials(token, None))
    return Run.of(begun, attended=await has_worker(context.app))


@router.get("/runs/{run}", response_model=WholeRun)
async def one(run: str, context: Served, token: Reads) -> Any:
    """A run with its phases, and with what it made."""
    return await whole_run(context.app, await context.run(run))


@router.get("/runs/{run}/events", response_model=models.Listing[Event])
async def events(run: str, context: Served, token: Reads, after: AfterEvent = 0, limit: Limit = 50) -> Any:
    """List the run's events in order, from the one after that number."""
    found = await context.app.ledger.events((await context.run(run)).id, after)
    following = str(found[limit - 1].seq) if len(found) > limit else None
    return {"items": [Event.of(entry) for entry in found[:limit]], "next": following}


@router.get("/runs/{run}/trace", response_model=Trace)
async def trace(run: str, context: Served, token: Reads) -> Any:
    """From requirements to what was released of them."""
    return report(await trace_of(context.app, await context.run(run)))


@router.get("/runs/{run}/stream", response_class=StreamingResponse)
async def stream(run: str, request: Request, context: Served, token: Reads, after: AfterEvent = 0) -> StreamingResponse:
    """Stream the run's events (server-sent events) until the run or the token ends."""
    found = await context.run(run)
    return streaming(_frames(context, found.id, after, request.headers["authorization"].partition(" ")[2]))


async def _frames(context: Context, run_id: str, seen: int, secret: str) -> AsyncIterator[str]:
    # Looked up each time: a stream stays open for hours, and a token that is revoked must not go on reading.
    while await context.tokens.find(secret):
        run = await context.app.ledger.run(run_id)
        for entry in await context.app.ledger.events(run_id, seen):
            seen = entry.seq
            yield frame(entry.event.kind, canonical(Event.of(entry).plain()).decode(), seen)
        if run.status.ended:
            break
        await asyncio.sleep(POLL_SECONDS)
    yield frame("ended", "{}")
