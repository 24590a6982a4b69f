"""Pages that list: gates that wait, specs that no run has taken, a person's decisions, spend, orders to assistants."""

import json
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from phasegate.core import InvalidInput, Refused
from phasegate.reports.backlog import Backlog
from phasegate.reports.spend import By, spend_of
from phasegate.reports.trace import approvals_by
from phasegate.reports.warnings import unattended
from phasegate.reports.work import client_config, items_of
from phasegate.team import ASSISTANT
from phasegate.tool_access.requests import waits
from phasegate.web.context import Served
from phasegate.web.decisions import came
from phasegate.web.problems import NotFound
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
        record_lines=await context.record.read(),
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
    run = await Backlog(context.app).begin(form.text("spec"), who=came(context, form.session))
    return RedirectResponse(f"/runs/{run.id}", 303)


@router.get("/record")
async def record(context: Served, session: Person, by: str = "", on: str = "") -> Response:
    """Show the decisions of a person, by default of the one signed in, the newest first."""
    person = by or session.account
    found = await approvals_by(context.app, person, day(on))
    people = sorted({*context.app.config.people(), session.account, person})
    return context.page("record.html", session, rows=list(reversed(found)), by=person, on=on, people=people)


@router.get("/spend")
async def spend(context: Served, session: Person, by: By = By.run, since: str = "") -> Response:
    """Show what model calls used, by one of its parts."""
    found = await spend_of(context.app, by=(by,), since=day(since))
    return context.page("spend.html", session, spend=found, by=by, since=since, parts=list(By))


@router.get("/work")
async def work(context: Served, session: Person) -> Response:
    """Show the orders that wait for an assistant, the oldest first, and how one connects."""
    app = context.app
    config = json.dumps(client_config("phasegate", app.folder.path), indent=2)
    roles = [name for name, card in app.team.cards.items() if card.model == ASSISTANT]
    rows = await items_of(app).listed()
    return context.page("work.html", session, rows=rows, config=config, roles=roles)


@router.get("/work/{item}")
async def work_order(item: str, context: Served, session: Person) -> Response:
    """Show an order's text."""
    try:
        found, text = await items_of(context.app).find(item)
    except Refused as error:
        raise NotFound(f"order '{item}' that waits") from error
    return context.page("order.html", session, item=found, text=text)
