"""Spend on model calls."""

from fastapi import APIRouter
from starlette.responses import Response

from phasegate.reports.spend import By, spend_of
from phasegate.web.context import Served
from phasegate.web.session_auth import Person
from phasegate.web.words import day

router = APIRouter()


@router.get("/spend")
async def spend(context: Served, session: Person, by: By = By.run, since: str = "") -> Response:
    """Show what model calls used, by one of its parts."""
    found = await spend_of(context.app, by=(by,), since=day(since))
    return context.page("spend.html", session, spend=found, by=by, since=since, parts=list(By))
