"""Specs that no run has taken yet, in the manager's order."""

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from phasegate.core import InvalidInput
from phasegate.reports.backlog import Backlog
from phasegate.web.context import Served
from phasegate.web.session_auth import Filled, Person

router = APIRouter()


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
