"""Taking back and delegating, by statements that a manager signed at home."""

import base64
from dataclasses import replace
from datetime import datetime
from typing import Any

from fastapi import APIRouter

from phasegate import workflow
from phasegate.core import Refused
from phasegate.ledger import STATEMENT, Delegation, Revocation, pae
from phasegate.reports.decisions import Delegation as DelegationReport
from phasegate.reports.decisions import Ended, Revoked, drawn_up, standing
from phasegate.reports.warnings import has_worker
from phasegate.web import decisions
from phasegate.web.api import models
from phasegate.web.api.bearer import Decides, Reads, credentials, owner
from phasegate.web.context import Served
from phasegate.workspace import visible

router = APIRouter()
_REVOCATION = "/gates/{run}/{phase}/{attempt}/revocation"
_TAKEN: dict[int | str, dict[str, Any]] = {
    409: {"model": models.Problem, "description": "nothing is there to take back or to end, or it was used"}
}


@router.post(f"{_REVOCATION}/statement", response_model=models.ToSign, tags=["gates"])
async def revocation_statement(run: str, phase: str, attempt: int, context: Served, token: Decides) -> Any:
    """Return the bytes that the token's owner signs to revoke their decision there, without revoking it."""
    gate = await context.gate(run, phase, attempt)
    made = Revocation(gate=gate.key, by=owner(token), at=context.app.clock.now())
    return _to_sign({"gate": str(made.gate), "by": made.by, "at": _seconds(made.at)}, made.encoded())


@router.post(_REVOCATION, status_code=201, response_model=Revoked, tags=["gates"], responses=_TAKEN)
async def revoke(
    run: str, phase: str, attempt: int, signed: models.SignedRevocation, context: Served, token: Decides
) -> Any:
    """Takes back what the token's owner said at that gate, while the run has not used it."""
    gate, body = await context.gate(run, phase, attempt), signed.statement
    if body.gate != str(gate.key):
        raise Refused(f"the statement is about '{visible(body.gate)}'", reason="unknown_gate", fix="sign for this gate")
    at = decisions.moment(body.at)
    made = Revocation(gate=gate.key, by=body.by, at=at)
    await context.app.revoke(made, _signature(signed), decisions.just_now(context, credentials(token, at)))
    return Revoked(**body.model_dump(), key_id=signed.key_id, attended=await has_worker(context.app))


@router.get("/delegations", response_model=list[DelegationReport], tags=["delegations"])
async def delegations(context: Served, token: Reads) -> Any:
    """List current and future delegations, the first to end first."""
    return [DelegationReport.of(given) for given in await standing(context.app)]


@router.post("/delegations/statement", response_model=models.ToSign, tags=["delegations"])
async def delegation_statement(wish: models.Delegate, context: Served, token: Decides) -> Any:
    """Return the bytes that the token's owner signs to delegate, without delegating."""
    made = drawn_up(context.app, owner(token), wish.to, wish.first, wish.until, tuple(wish.gates))
    at = context.app.clock.now()
    return _to_sign({**DelegationReport.of(made).plain(), "at": _seconds(at)}, replace(made, at=at).encoded())


@router.post("/delegations", status_code=201, response_model=DelegationReport, tags=["delegations"], responses=_TAKEN)
async def delegate(signed: models.SignedDelegation, context: Served, token: Decides) -> Any:
    """Delegate the token owner's decisions by a statement that counts once and for five minutes."""
    body, at = signed.statement, decisions.moment(signed.statement.at)
    made = Delegation(
        by=body.by,
        to=body.to,
        begins=decisions.moment(body.begins),
        ends=decisions.moment(body.until),
        gates=tuple(body.gates),
        at=at,
    )
    who = decisions.just_now(context, credentials(token, at))
    await workflow.delegate(context.app.keeper, made, _signature(signed), who)
    return DelegationReport.of(made)


@router.post("/delegations/end/statement", response_model=models.ToSign, tags=["delegations"])
async def end_statement(wish: models.End, context: Served, token: Decides) -> Any:
    """Return the bytes that the token's owner signs to end their delegations to another, without ending them."""
    by, at = owner(token), context.app.clock.now()
    made = Delegation(by=by, to=wish.to, begins=at, ends=at)
    return _to_sign({"by": by, "to": wish.to, "at": _seconds(at)}, made.encoded())


@router.post("/delegations/end", response_model=Ended, tags=["delegations"], responses=_TAKEN)
async def end(signed: models.SignedEnd, context: Served, token: Decides) -> Any:
    """Ends all that the token's owner delegated to another."""
    body, at = signed.statement, decisions.moment(signed.statement.at)
    who = decisions.just_now(context, credentials(token, at))
    ended = await workflow.end_delegation(context.app.keeper, body.by, body.to, _signature(signed), who, at)
    return Ended(by=body.by, to=body.to, ended=ended)


def _to_sign(statement: dict[str, Any], encoded: bytes) -> dict[str, Any]:
    return {"statement": statement, "encoded": base64.b64encode(pae(STATEMENT, encoded)).decode()}


def _signature(signed: models.WithSignature) -> decisions.DetachedSignature:
    return decisions.DetachedSignature(key_id=signed.key_id, signature=base64.b64decode(signed.signature))


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
