"""Tools that wait for a manager: what changed in them, and granting them."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from phasegate.core import PhasegateError
from phasegate.identity import Session
from phasegate.tool_access.requests import waits, with_changes
from phasegate.web import decisions
from phasegate.web.context import Context, Served
from phasegate.web.diff import files
from phasegate.web.problems import Problem, problem_of
from phasegate.web.session_auth import CsrfForm, Filled, Person, address_of

router = APIRouter()
_PAGE = "/tools"


@router.get(_PAGE)
async def tools(context: Served, session: Person) -> Response:
    """Show waiting tools, without starting a server."""
    return await _page(context, session)


@router.post(f"{_PAGE}/{{server}}/grant")
async def grant(server: str, request: Request, context: Served, form: Filled) -> Response:
    """Grants the tools that were shown, if they still say what was shown."""
    try:
        await decisions.grant(context, server, form, address_of(request))
    except PhasegateError as error:
        return await _page(context, form.session, problem=problem_of(error), form=form)
    return RedirectResponse(_PAGE, 303)


async def _page(
    context: Context, session: Session, *, problem: Problem | None = None, form: CsrfForm | None = None
) -> Response:
    found = [await with_changes(context.app, wait) for wait in await waits(context.app)]
    kept: dict[str, Any] = {"only": form.text("only"), "until": form.text("until")} if form else {}
    return context.page(
        "tools.html",
        session,
        problem.status if problem else 200,
        rows=[(wait, files(wait.changes)) for wait in found],
        is_manager=session.account in context.app.keeper.managers(),
        problem=problem,
        filled=kept,
    )
