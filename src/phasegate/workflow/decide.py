"""The one door for decisions: every channel comes through `decide`, and gets the same answers."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from phasegate.core import Finding, Refused, UsageError
from phasegate.ledger import (
    Decision,
    DecisionKind,
    Dispatch,
    Dossier,
    GateKey,
    GateRecord,
    GateStatus,
    Signer,
    Statement,
)
from phasegate.workflow.gatekeeper import Gatekeeper, decision_event, expired, objection, signed
from phasegate.workflow.reports import findings_in


async def decide(keeper: Gatekeeper, statement: Statement, signer: Signer, dispatch: Dispatch) -> Decision:
    """Takes a manager's decision, once, for exactly the bytes that it names, and dispatches what follows.

    The same decision by the same person twice gives the first one back; only who could have taken it learns of it.

    Raises:
        Refused: with one of the reasons `unknown_gate`, `not_an_approver`, `bad_signature`, `already_decided`,
            `gate_void`, `gate_expired`, `stale_digest`, `comments_missing`, `blocking_findings`, `nothing_to_waive`,
            `waiver_incomplete`, `waiver_expired`.
    """
    decision = signed(statement, signer)
    gate, dossier = await _found(keeper, statement.gate)
    _identified(keeper, decision)
    if gate.status is GateStatus.void:
        raise _void(gate.key)
    if dossier.decision:
        return _same(dossier.decision, statement)
    _admit(keeper, gate, statement, findings_in(dossier))
    if not await keeper.ledger.decide(decision, dispatch, decision_event(statement)):
        winner = await keeper.ledger.decision(gate.key)
        return _same(winner, statement)
    return decision


async def _found(keeper: Gatekeeper, key: GateKey) -> tuple[GateRecord, Dossier]:
    try:
        dossier = await keeper.ledger.dossier(key)
    except UsageError:
        dossier = None
    if dossier is None or dossier.gate is None or key.phase not in keeper.flow.phase_ids:
        raise Refused(f"there is no gate '{key}'", reason="unknown_gate", fix="list them: 'phasegate gates'")
    return dossier.gate, dossier


def _same(earlier: Decision | None, statement: Statement) -> Decision:
    if earlier is None:
        raise _void(statement.gate)
    first = earlier.statement
    if replace(statement, at=first.at) == first:
        return earlier
    raise Refused(
        f"gate '{statement.gate}' was decided already: {first.kind} by {first.by}",
        reason="already_decided",
        fix="a decision is taken once; see 'phasegate status'",
    )


def _void(key: GateKey) -> Refused:
    return Refused(f"gate '{key}' is void", reason="gate_void", fix="list gates: 'phasegate gates'")


def _identified(keeper: Gatekeeper, decision: Decision) -> None:
    statement = decision.statement
    if statement.by.startswith("policy:"):
        raise Refused("a policy decides by itself alone", reason="not_an_approver", fix="sign as a manager")
    keys = keeper.keys(keeper.flow.phase(statement.gate.phase))
    reason = objection(statement, decision.key_id, decision.signature, keys)
    if reason:
        raise Refused(
            f"'{statement.by}' cannot decide at gate '{statement.gate}' with this key",
            reason=reason,
            fix="approvers are the [[managers]] of phasegate.toml whose card the workflow lists",
        )


def _admit(keeper: Gatekeeper, gate: GateRecord, statement: Statement, findings: Sequence[Finding]) -> None:
    phase, now = keeper.flow.phase(gate.key.phase), keeper.clock.now()
    if expired(gate, phase, now):
        raise Refused(
            f"gate '{gate.key}' was open for longer than {phase.gate.expires_after}",
            reason="gate_expired",
            fix=f"open it anew: 'phasegate run --resume {gate.key.run}'",
        )
    if statement.digest != gate.digest:
        raise Refused(
            f"digest '{statement.digest[:12]}' is not that of gate '{gate.key}': it shows other bytes now",
            reason="stale_digest",
            fix=f"look again: 'phasegate gate {gate.key}'",
        )
    _holds(statement, findings, now.date())


def _holds(statement: Statement, findings: Sequence[Finding], today: date) -> None:
    blocking = [finding for finding in findings if finding.blocking]
    if statement.kind is DecisionKind.request_changes and not statement.comments:
        raise Refused("changes are requested without saying which", reason="comments_missing", fix="--comment TEXT")
    if statement.kind is DecisionKind.approve and blocking:
        names = ", ".join(sorted({rule_of(finding) for finding in blocking}))
        raise Refused(
            f"{len(blocking)} blocking finding(s) stand: {names}",
            reason="blocking_findings",
            fix="request changes, or waive them with an owner, a reason and an expiry",
        )
    if statement.kind is DecisionKind.waive:
        _waivable(statement, {rule_of(finding) for finding in blocking}, today)


def _waivable(statement: Statement, blocking: set[str], today: date) -> None:
    waiver = statement.waiver
    if not blocking:
        raise Refused("no finding blocks this gate", reason="nothing_to_waive", fix="approve it")
    if waiver is None or not (waiver.owner and waiver.reason and blocking <= set(waiver.rules)):
        missing = ", ".join(sorted(blocking - set(waiver.rules if waiver else ())))
        raise Refused(
            f"the exception does not cover everything that blocks: {missing or 'owner or reason is missing'}",
            reason="waiver_incomplete",
            fix="--waive RULE for each, with --owner, --reason and --expires",
        )
    if _day(waiver.expires) <= today:
        raise Refused(
            f"an exception that expires on {waiver.expires} is over before it begins",
            reason="waiver_expired",
            fix="--expires YYYY-MM-DD, a day to come",
        )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"'{text}' is not a date", reason="waiver_expired", fix="--expires YYYY-MM-DD") from error


def rule_of(finding: Finding) -> str:
    """What a waiver names: `check/rule`."""
    return f"{finding.check}/{finding.rule}"
