"""Page on which a person unlocks their key for clicks in Slack, and locks it."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from phasegate.core import InvalidInput, PhasegateError
from phasegate.identity import Session
from phasegate.tools.servers.slack import wire
from phasegate.web import decisions
from phasegate.web.context import Context, Served
from phasegate.web.problems import NotFound, Problem, problem_of
from phasegate.web.session_auth import CsrfForm, Filled, Person, address_of
from phasegate.web.slack.slack_client import AsyncSlackClient

router = APIRouter()
_PAGE = "/slack"


@router.get(_PAGE)
async def slack(context: Served, session: Person) -> Response:
    """Show whether this person's key is unlocked, for whom and until when."""
    return await _page(context, session)


@router.post(_PAGE)
async def unlock(request: Request, context: Served, form: Filled) -> Response:
    """Leaves this person's key unlocked, for exactly the user that the page showed."""
    try:
        user = await _user(context, form)
        await decisions.unlock(context, form, address_of(request), user.id)
    except PhasegateError as error:
        return await _page(context, form.session, problem_of(error), hours=form.text("hours"))
    return RedirectResponse(_PAGE, 303)


@router.post(f"{_PAGE}/end")
async def end(context: Served, form: Filled) -> Response:
    """Forgets the key at once."""
    await context.unlocked.end(form.session.account)
    return RedirectResponse(_PAGE, 303)


async def _user(context: Context, form: CsrfForm) -> wire.User:
    """Whom the page showed.

    Raises:
        InvalidInput: phasegate.toml says something else by now, or nothing.
        Refused: it is no person of this workspace.
        NotFound: Slack is not set up.
    """
    if context.slack is None:
        raise NotFound("connection to Slack")
    id = _id(context, form.session.account)
    if not id or form.text("user") != id:
        raise InvalidInput("your member id in phasegate.toml is another one than the page showed", fix="look again")
    return await context.slack.person(id)


def _id(context: Context, account: str) -> str:
    manager = context.app.keeper.managers().get(account)
    return manager.slack if manager else ""


async def _page(context: Context, session: Session, problem: Problem | None = None, *, hours: str = "") -> Response:
    id = _id(context, session.account)
    user, trouble = await _looked_up(context.slack, id)
    phases = context.app.flow.phases
    return context.page(
        "slack.html",
        session,
        problem.status if problem else 200,
        id=id,
        user=user,
        trouble=trouble,
        is_manager=session.account in context.app.keeper.managers(),
        unlocked=await context.unlocked.find(session.account),
        asking=[phase.gate.name for phase in phases if phase.gate.reauthenticate],
        hours=decisions.HOURS,
        chosen=hours or str(decisions.HOURS[0]),
        problem=problem,
    )


async def _looked_up(slack: AsyncSlackClient | None, id: str) -> tuple[wire.User | None, str]:
    """Return the Slack user, or why Slack could not name them."""
    if slack is None or not id:
        return None, ""
    try:
        return await slack.person(id), ""
    except PhasegateError as error:
        return None, f"{error}; {error.fix}" if error.fix else str(error)
