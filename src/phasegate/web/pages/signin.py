"""Signing in and out."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from phasegate.core import Refused
from phasegate.web.context import Context, Served
from phasegate.web.problems import STATUSES
from phasegate.web.session_auth import (
    Filled,
    address_of,
    clear_cookie,
    read_form,
    safe_redirect,
    session_of,
    set_cookie,
)

router = APIRouter()


@router.get("/sign-in")
async def sign_in_page(request: Request, context: Served, to: str = "/") -> Response:
    """The form."""
    if await session_of(request, context):
        return RedirectResponse(safe_redirect(to), 303)
    return ask(context, 200, to=to)


@router.post("/sign-in")
async def sign_in(request: Request, context: Served) -> Response:
    """Check the passphrase and begin a new session in place of an earlier one."""
    fields = {name: value for name, value in (await read_form(request)).items() if isinstance(value, str)}
    name, to = fields.get("name", "").strip(), fields.get("to", "/")
    try:
        proof = await context.sign_in.prove(name, fields.get("passphrase", ""), address_of(request))
    except Refused as refusal:
        status = 401 if refusal.reason == "wrong_passphrase" else STATUSES.get(refusal.reason, 422)
        return ask(context, status, name=name, to=to, says=f"{refusal}: {refusal.fix}")
    earlier = await session_of(request, context)
    if earlier:
        await context.sessions.end(earlier)
    answer = RedirectResponse(safe_redirect(to), 303)
    set_cookie(answer, context, await context.sessions.begin(proof))
    return answer


@router.post("/sign-out")
async def sign_out(context: Served, form: Filled) -> Response:
    """End the session, or every session of this person where that is asked for."""
    if form.text("everywhere"):
        await context.sessions.end_all(form.session.account)
    await context.sessions.end(form.session)
    answer = RedirectResponse("/sign-in", 303)
    clear_cookie(answer, context)
    return answer


def ask(context: Context, status: int, *, name: str = "", to: str = "/", says: str = "") -> Response:
    """The form, with what was wrong."""
    return context.page("sign_in.html", None, status, name=name, to=safe_redirect(to), says=says)
