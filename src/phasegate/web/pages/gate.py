"""Page of a gate and its decision."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from phasegate.core import InvalidInput, PhasegateError, worst_first
from phasegate.identity import Session
from phasegate.ledger import GateRecord, GateStatus
from phasegate.reports.gate import GateView, view_gate
from phasegate.reports.gate_text import permissions, question, review_size
from phasegate.reports.questions import says_of_questions
from phasegate.reports.trace import Row, requirement_rows, trace_of
from phasegate.web import decisions
from phasegate.web.context import Context, Served
from phasegate.web.diff import files
from phasegate.web.problems import Problem, problem_of
from phasegate.web.session_auth import CsrfForm, Filled, Person, address_of
from phasegate.workflow import rule_of

router = APIRouter()
_GATE = "/gates/{run}/{phase}/{attempt}"
_BLANK: dict[str, Any] = {
    "decision": "",
    "comments": [],
    "owner": "",
    "reason": "",
    "expires": "",
    "rules": [],
    "answers": {},
}


@router.get(_GATE)
async def gate_page(run: str, phase: str, attempt: int, context: Served, session: Person) -> Response:
    """Show the gate."""
    return await _page(context, session, await context.gate(run, phase, attempt))


@router.post(f"{_GATE}/decide")
async def decide(run: str, phase: str, attempt: int, request: Request, context: Served, form: Filled) -> Response:
    """Takes the decision, once, for the bytes that were shown."""
    gate = await context.gate(run, phase, attempt)
    try:
        await decisions.from_form(context, gate, form, address_of(request))
    except PhasegateError as error:
        return await _page(context, form.session, gate, problem=problem_of(error), form=form)
    if (await context.gate(run, phase, attempt)).status is GateStatus.open:  # others have to approve, too
        return RedirectResponse(f"/gates/{gate.key}", 303)
    return RedirectResponse(f"/runs/{run}?decided={phase}-{attempt}", 303)


@router.post(f"{_GATE}/revoke")
async def revoke(run: str, phase: str, attempt: int, request: Request, context: Served, form: Filled) -> Response:
    """Takes back what this person said, while the run has not used it."""
    gate = await context.gate(run, phase, attempt)
    try:
        await decisions.revoke_from_form(context, gate, form, address_of(request))
    except PhasegateError as error:
        return await _page(context, form.session, gate, problem=problem_of(error))
    return RedirectResponse(f"/runs/{run}?revoked={phase}-{attempt}", 303)


async def _page(
    context: Context,
    session: Session,
    gate: GateRecord,
    *,
    problem: Problem | None = None,
    form: CsrfForm | None = None,
) -> Response:
    view, row = await view_gate(context.app, gate), await context.inbox.look(gate)
    mine = view.said_by(session.account)
    asked = gate.status is GateStatus.open and mine is None and await _may(context, gate, session)
    rows, why = await _requirements(context, view)
    return context.page(
        "gate.html",
        session,
        problem.status if problem else 200,
        view=view,
        row=row,
        asks=question(view, row, asked=asked),
        weighs=review_size(view),
        files=files(view.changes),
        findings=worst_first(view.findings),
        says_of_questions=says_of_questions(view.questions),
        rules=sorted({rule_of(finding) for finding in view.blocking}),
        trace=rows,
        untraced=why,
        permissions=await run_in_threadpool(permissions, context.app, view),
        open=gate.status is GateStatus.open,
        approvals=view.approvals(context.app.clock.now()),
        mine=mine,
        asked=asked,
        token=context.app.token(gate, session.account),
        problem=problem,
        filled=_filled(form) if form else _BLANK,
    )


async def _requirements(context: Context, view: GateView) -> tuple[Sequence[Row], str]:
    """The table of requirements, or why there is none: a gate can be decided whatever its tree holds."""
    try:
        return requirement_rows(await trace_of(context.app, view.run, view.gate)), ""
    except InvalidInput as error:
        return (), str(error)


async def _may(context: Context, gate: GateRecord, session: Session) -> bool:
    """Return whether this person may decide here, in their own right or in a delegator's."""
    register, phase, now = (
        context.app.keeper.register(),
        context.app.flow.phase(gate.key.phase),
        context.app.clock.now(),
    )
    given = await context.app.ledger.delegations()
    own = session.account in register.approvers(phase, gate, now)
    return own or bool(register.principal(session.account, phase, gate, given, now))


def _filled(form: CsrfForm) -> dict[str, Any]:
    """Return the form's values without the passphrase, so that a refusal costs nobody their words."""
    rows = zip(form.texts("comment_path"), form.texts("comment_line"), form.texts("comment"), strict=False)
    kept = {name: form.text(name) for name in ("decision", "owner", "reason", "expires")}
    answers = dict(zip(form.texts("question"), form.texts("answer"), strict=False))
    return {**kept, "answers": answers, "comments": [row for row in rows if row[2]], "rules": form.texts("rule")}
