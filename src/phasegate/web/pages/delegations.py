"""Page of delegations given and received."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from phasegate.core import PhasegateError
from phasegate.identity import Session
from phasegate.ledger import Delegation
from phasegate.reports.decisions import standing
from phasegate.web import decisions
from phasegate.web.context import Context, Served
from phasegate.web.problems import Problem, problem_of
from phasegate.web.session_auth import CsrfForm, Filled, Person, address_of

router = APIRouter()
_PAGE = "/delegations"
_BLANK: dict[str, Any] = {"to": "", "from": "", "until": "", "gates": []}


@router.get(_PAGE)
async def delegations(context: Served, session: Person) -> Response:
    """Show the person's delegations, given and received."""
    return await _page(context, session)


@router.post(_PAGE)
async def give(request: Request, context: Served, form: Filled) -> Response:
    """Has another manager decide for this person, for a while."""
    try:
        await decisions.delegate_from_form(context, form, address_of(request))
    except PhasegateError as error:
        return await _page(context, form.session, problem=problem_of(error), form=form)
    return RedirectResponse(_PAGE, 303)


@router.post(f"{_PAGE}/end")
async def end(request: Request, context: Served, form: Filled) -> Response:
    """Ends all that this person gave to another."""
    try:
        await decisions.end(context, form, address_of(request))
    except PhasegateError as error:
        return await _page(context, form.session, problem=problem_of(error))
    return RedirectResponse(_PAGE, 303)


async def _page(
    context: Context, session: Session, *, problem: Problem | None = None, form: CsrfForm | None = None
) -> Response:
    found, managers = await standing(context.app), context.app.keeper.managers()
    gave: dict[str, list[Delegation]] = {}
    for given in found:
        if given.by == session.account:
            gave.setdefault(given.to, []).append(given)
    return context.page(
        "delegations.html",
        session,
        problem.status if problem else 200,
        gave=gave,
        received=[given for given in found if given.to == session.account],
        others=sorted(name for name in managers if name != session.account),
        is_manager=session.account in managers,
        phases=context.app.flow.phases,
        problem=problem,
        filled=_filled(form) if form else _BLANK,
    )


def _filled(form: CsrfForm) -> dict[str, Any]:
    """Return the form's values without the passphrase, so that a refusal costs nobody their words."""
    return {**{name: form.text(name) for name in ("to", "from", "until")}, "gates": form.texts("gate")}
