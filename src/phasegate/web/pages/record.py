"""Page of decisions by person and day."""

from fastapi import APIRouter
from starlette.responses import Response

from phasegate.reports.trace import approvals_by
from phasegate.web.context import Served
from phasegate.web.session_auth import Person
from phasegate.web.words import day

router = APIRouter()


@router.get("/record")
async def record(context: Served, session: Person, by: str = "", on: str = "") -> Response:
    """Show the decisions of a person, by default of the one signed in, the newest first."""
    person = by or session.account
    found = await approvals_by(context.app, person, day(on))
    people = sorted({*context.app.config.people(), session.account, person})
    return context.page("record.html", session, rows=list(reversed(found)), by=person, on=on, people=people)
