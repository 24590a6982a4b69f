"""The gates that wait."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from phasegate.reports.workers import unattended
from phasegate.tool_access.requests import waits
from phasegate.web.context import Served
from phasegate.web.session_auth import Person

router = APIRouter()
PAGE = 50


@router.get("/")
async def inbox(context: Served, session: Person, start: Annotated[int, Query(ge=0, le=1_000_000)] = 0) -> Response:
    """Pending gates, the oldest first."""
    rows, total = await context.inbox.waiting(start, PAGE)
    over = await context.app.ledger.waived(over=True) if not start else []
    return context.page(
        "inbox.html",
        session,
        asking=await waits(context.app),
        idle=await unattended(context.app),
        rows=rows,
        total=total,
        start=start,
        following=start + PAGE,
        over=over,
    )
