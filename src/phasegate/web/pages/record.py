"""What was decided, by whom, on which day."""

from datetime import date

from fastapi import APIRouter
from starlette.responses import Response

from phasegate.app.trace import approvals_by
from phasegate.core import InvalidInput
from phasegate.web.parts import Served
from phasegate.web.who import Person

router = APIRouter()


@router.get("/record")
async def record(parts: Served, session: Person, by: str = "", on: str = "") -> Response:
    """The decisions of one person, the newest first; of who looks, where nobody is named."""
    person = by or session.account
    found = await approvals_by(parts.app, person, _day(on))
    people = sorted({*parts.app.config.people(), session.account, person})
    return parts.page("record.html", session, rows=list(reversed(found)), by=person, on=on, people=people)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise InvalidInput(f"'{text[:40]}' is no day", fix="YYYY-MM-DD") from error
