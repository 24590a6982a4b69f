"""Pages that list: the gates that wait, the specs that no run has taken yet, and a person's decisions."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from phasegate.core import InvalidInput
from phasegate.reports.backlog import Backlog
from phasegate.reports.trace import approvals_by
from phasegate.reports.warnings import unattended
from phasegate.tool_access.requests import waits
from phasegate.web.context import Served
from phasegate.web.session_auth import Filled, Person
from phasegate.web.words import day

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


@router.get("/backlog")
async def backlog(context: Served, session: Person) -> Response:
    """The specs, first things first."""
    return context.page("backlog.html", session, rows=await Backlog(context.app).rows())


@router.post("/backlog/order")
async def order(context: Served, form: Filled) -> Response:
    """Puts the specs into that order."""
    await Backlog(context.app).rank(form.texts("spec"))
    return RedirectResponse("/backlog", 303)


@router.post("/backlog/move")
async def move(context: Served, form: Filled) -> Response:
    """Moves one spec up or down."""
    steps = {"up": -1, "down": 1, "top": -10_000}
    if form.text("to") not in steps:
        raise InvalidInput("a spec moves up, down, or to the top", fix="choose one of the buttons")
    await Backlog(context.app).move(form.text("spec"), steps[form.text("to")])
    return RedirectResponse("/backlog", 303)


@router.post("/backlog/start")
async def start(context: Served, form: Filled) -> Response:
    """Begins a run of a spec."""
    run = await Backlog(context.app).begin(form.text("spec"), by=form.session.account)
    return RedirectResponse(f"/runs/{run.id}", 303)


@router.get("/record")
async def record(context: Served, session: Person, by: str = "", on: str = "") -> Response:
    """Show the decisions of a person, by default of the one signed in, the newest first."""
    person = by or session.account
    found = await approvals_by(context.app, person, day(on))
    people = sorted({*context.app.config.people(), session.account, person})
    return context.page("record.html", session, rows=list(reversed(found)), by=person, on=on, people=people)
