"""Specs that no run has taken yet, in the manager's order."""

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from phasegate.core import InvalidInput
from phasegate.reports.backlog import Backlog
from phasegate.web.context import Served
from phasegate.web.session_auth import Filled, Person

router = APIRouter()


@router.get("/backlog")
async def backlog(parts: Served, session: Person) -> Response:
    """The specs, first things first."""
    return parts.page("backlog.html", session, rows=await Backlog(parts.app).rows())


@router.post("/backlog/order")
async def order(parts: Served, form: Filled) -> Response:
    """Puts the specs into that order."""
    await Backlog(parts.app).rank(form.texts("spec"))
    return RedirectResponse("/backlog", 303)


@router.post("/backlog/move")
async def move(parts: Served, form: Filled) -> Response:
    """Moves one spec up or down."""
    steps = {"up": -1, "down": 1, "top": -10_000}
    if form.text("to") not in steps:
        raise InvalidInput("a spec moves up, down, or to the top", fix="choose one of the buttons")
    await Backlog(parts.app).move(form.text("spec"), steps[form.text("to")])
    return RedirectResponse("/backlog", 303)


@router.post("/backlog/start")
async def start(parts: Served, form: Filled) -> Response:
    """Begins a run of a spec."""
    run = await Backlog(parts.app).begin(form.text("spec"), by=form.session.account)
    return RedirectResponse(f"/runs/{run.id}", 303)
