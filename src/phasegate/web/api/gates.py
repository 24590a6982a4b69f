"""Gates, and handing in decisions that their managers signed."""

import base64
from typing import Any

from fastapi import APIRouter

from phasegate.core import Refused
from phasegate.core.paging import page_of
from phasegate.ledger import STATEMENT, Comment, DecisionKind, GateKey, GateRecord, GateStatus, Statement, Waiver, pae
from phasegate.reports.decisions import Receipt
from phasegate.reports.findings import Finding
from phasegate.reports.gate import Gate, view_gate
from phasegate.reports.inbox import WaitingGate, oldest_first
from phasegate.reports.questions import answers_at
from phasegate.reports.warnings import has_worker
from phasegate.web import decisions
from phasegate.web.api import models
from phasegate.web.api.bearer import Decides, Reads, credentials, owner
from phasegate.web.api.models import After, Limit
from phasegate.web.context import Context, Served
from phasegate.workflow.gates.tokens import given_at
from phasegate.workspace import visible

router = APIRouter(tags=["gates"])
_GATE = "/gates/{run}/{phase}/{attempt}"


@router.get("/gates", response_model=models.Listing[WaitingGate])
async def gates(context: Served, token: Reads, after: After = "", limit: Limit = 50) -> Any:
    """Gates that wait for a decision, the oldest first."""
    found = sorted(await context.app.ledger.gates(status=GateStatus.open), key=oldest_first)
    shown, following = page_of(found, oldest_first, after, limit)
    return {"items": [(await context.inbox.look(gate)).report() for gate in shown], "next": following}


@router.get(_GATE, response_model=Gate)
async def one(run: str, phase: str, attempt: int, context: Served, token: Reads) -> Any:
    """Everything that a decision needs."""
    return (await view_gate(context.app, await context.gate(run, phase, attempt))).report()


@router.get(f"{_GATE}/findings", response_model=list[Finding])
async def findings(run: str, phase: str, attempt: int, context: Served, token: Reads) -> Any:
    """List findings of the gate's checks and reviewers."""
    return (await view_gate(context.app, await context.gate(run, phase, attempt))).report().findings


@router.post(f"{_GATE}/statement", response_model=models.ToSign)
async def statement(
    run: str, phase: str, attempt: int, wish: models.AnsweringWish, context: Served, token: Decides
) -> Any:
    """Return the bytes that the token's owner signs for this decision, without deciding."""
    gate, kind = await context.gate(run, phase, attempt), DecisionKind(wish.decision)
    answers = await answers_at(context.app, gate, kind, {each.question: each.text for each in wish.answers})
    made = await context.app.statement(
        gate,
        kind,
        owner(token),
        digest=wish.digest,
        comments=(*answers, *_comments(context, gate, wish)),
        waiver=_waiver(wish),
    )
    to_sign = pae(STATEMENT, made.encoded())
    return {"statement": made.as_json(), "encoded": base64.b64encode(to_sign).decode()}


@router.post(
    f"{_GATE}/decisions",
    status_code=201,
    response_model=Receipt,
    responses={409: {"model": models.Problem, "description": "decided already, void, expired, or other bytes now"}},
)
async def decide(run: str, phase: str, attempt: int, signed: models.Signed, context: Served, token: Decides) -> Any:
    """Takes a decision that the token's owner signed with their own key."""
    gate, body = await context.gate(run, phase, attempt), signed.statement
    # The signature holds for the gate in the statement; the address must not send it to another one.
    if body.gate != str(gate.key):
        raise Refused(f"the statement is about '{visible(body.gate)}'", reason="unknown_gate", fix="sign for this gate")
    # A signature over a token cannot be older than the token, which the system signs with the time at which it gave it
    # out.
    who = credentials(token, given_at(body.token))
    made = _statement(context, gate, body)
    taken = await decisions.from_statement(context, made, signed.key_id, base64.b64decode(signed.signature), who)
    return Receipt.given(taken, attended=await has_worker(context.app))


def _statement(context: Context, gate: GateRecord, body: models.Statement) -> Statement:
    return Statement(
        gate=GateKey(*gate.key),
        digest=body.digest,
        tree=body.tree,
        kind=DecisionKind(body.decision),
        by=body.by,
        at=decisions.moment(body.at),
        comments=_comments(context, gate, body),
        waiver=_waiver(body),
        token=body.token,
        instead_of=body.instead_of,
        head=body.head,
    )


def _comments(context: Context, gate: GateRecord, wish: models.Wish) -> tuple[Comment, ...]:
    return tuple(decisions.make_comments(context, gate, [(c.path, c.line, c.text) for c in wish.comments]))


def _waiver(wish: models.Wish) -> Waiver | None:
    return Waiver(**{**wish.waiver.model_dump(), "rules": tuple(wish.waiver.rules)}) if wish.waiver else None
