"""The one door for decisions: every channel comes through `decide`, and gets the same answers."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from phasegate.core import Finding, Refused, UsageError
from phasegate.core.secrets import find_secrets
from phasegate.ledger import (
    DecideResult,
    Decision,
    DecisionKind,
    Dispatch,
    GateHistory,
    GateKey,
    GateRecord,
    GateStatus,
    Statement,
)
from phasegate.workflow.gates.approvers import POLICY, Credentials, Kind, expired
from phasegate.workflow.gates.gatekeeper import Gatekeeper, decision_event, expired_waiver
from phasegate.workflow.gates.tokens import token_holds
from phasegate.workflow.reports import findings_in

_FIXES = {
    "not_an_approver": "approvers are the [[managers]] of phasegate.toml whom the workflow names for this gate",
    "bad_signature": "sign with the key that phasegate.toml lists for you",
    "no_delegation": "have an approver delegate to you: 'phasegate delegate'",
    "author_unknown": "nobody proved who started the run: start the spec again, signed in or with '--manager NAME'",
    "author_may_not_approve": "have another approver decide; who started a run may not, at this gate",
}


async def decide(keeper: Gatekeeper, decision: Decision, who: Credentials, dispatch: Dispatch) -> Decision:
    """Takes a manager's decision, once, for exactly the bytes that it names, and dispatches what follows.

    The same decision by the same person twice gives the first one back; only who could have taken it learns of it.

    Raises:
        Refused: with one of the reasons `unknown_gate`, `agent_identity`, `service_identity`, `not_yourself`,
            `not_an_approver`, `bad_signature`, `no_delegation`, `author_unknown`, `author_may_not_approve`,
            `already_decided`, `gate_void`, `gate_expired`, `stale_digest`, `stale_head`, `reauthentication_required`,
            `token_used`,
            `secret_in_comment`, `comments_missing`, `blocking_findings`, `nothing_to_waive`, `waiver_incomplete`,
            `waiver_expired`,
            `rules_moved`, `evidence_moved` or `branch_moved` where what the gate showed is not true any more: it is
            void then, and another is opened; `record_broken`, `commit_missing`.
    """
    statement = decision.statement
    gate, dossier = await _found(keeper, statement.gate)
    is_person(keeper, who, statement.by)
    _keeps_no_secret(statement)
    _check_approver(keeper, decision, dossier)
    # A void gate is told before an earlier decision on it, which would read as if it still counted.
    if gate.status is GateStatus.void:
        raise _void(gate.key)
    # The same decision twice is a double click or a client that tried again, and gets its first answer, not an error.
    if dossier.decision:
        return _same(dossier.taken, statement)
    # What the gate rests on is computed again before a decision is taken and again before it is used (decision 0022):
    # between the two somebody may edit a file.
    await _still(keeper, gate, dossier, dispatch)
    if _said(dossier.taken, statement.by):
        return _same(dossier.taken, statement)
    _check_open(keeper, gate, dossier, statement, who)
    needed = keeper.flow.phase(gate.key.phase).gate.quorum
    phase, now = keeper.flow.phase(gate.key.phase), keeper.clock.now()
    delegation = keeper.register().delegation(statement.instead_of, statement.by, phase, dossier, now)
    # The delegation is signed into the event itself, so that a bundle proves it without another place to look (decision
    # 0023).
    event = decision_event(decision, who.channel, delegation=delegation)
    match await keeper.ledger.decide(decision, needed, dispatch, event):
        case DecideResult.decided | DecideResult.counted:
            return decision
        case DecideResult.lost:
            return _same(await _won(keeper, gate.key), statement)
        case _:
            raise _used()


def is_person(keeper: Gatekeeper, who: Credentials, name: str) -> None:
    """Refuses everybody but the person themselves.

    Raises:
        Refused: `agent_identity`, `service_identity`, or `not_yourself`.
    """
    if who.kind is Kind.agent or name in keeper.agents or who.name in keeper.agents:
        raise Refused(f"'{name}' is an agent, and agents never decide", reason="agent_identity", fix="ask a manager")
    if who.kind is not Kind.person:
        raise Refused(f"'{who.name}' is a service, and services never decide", reason="service_identity", fix="sign in")
    if who.name != name:
        raise Refused(f"'{who.name}' cannot decide as '{name}'", reason="not_yourself", fix="sign in as yourself")


def _keeps_no_secret(statement: Statement) -> None:
    """Refuse words that hold a secret: what is signed is kept for ever, and handed out in the bundle."""
    words = [comment.text for comment in statement.comments]
    words += [statement.waiver.owner, statement.waiver.reason] if statement.waiver else []
    found = [secret for text in words for secret in find_secrets(text)]
    if found:
        raise Refused(
            f"your words hold what looks like a secret ({found[0].kind}); nothing of them was kept",
            reason="secret_in_comment",
            fix="say it without the secret, and have whoever issued it replace it",
        )


async def _found(keeper: Gatekeeper, key: GateKey) -> tuple[GateRecord, GateHistory]:
    try:
        dossier = await keeper.ledger.dossier(key)
    except UsageError:
        dossier = None
    if dossier is None or dossier.gate is None or key.phase not in keeper.flow.phase_ids:
        raise Refused(f"there is no gate '{key}'", reason="unknown_gate", fix="list them: 'phasegate gates'")
    return dossier.gate, dossier


async def _still(keeper: Gatekeeper, gate: GateRecord, dossier: GateHistory, dispatch: Dispatch) -> None:
    """Voids a gate that shows what is not true any more, and opens another in its place.

    Raises:
        Refused: it did.
    """
    gone = keeper.moved(dossier)
    if gone is None:
        return
    following = await keeper.replace(gate, gone, dispatch)
    raise Refused(
        f"gate '{gate.key}' is void: {gone.says}",
        reason=gone.reason,
        fix=f"another is open in its place, on what is true now: 'phasegate gate {following}'",
    )


async def _won(keeper: Gatekeeper, key: GateKey) -> Sequence[Decision]:
    """Return the earlier decisions of a gate that was decided before this one came."""
    gate = await keeper.ledger.gate(key)
    if gate is None or gate.status is GateStatus.void:
        raise _void(key)
    said = await keeper.ledger.decisions(key.run)
    return [decision for decision in said if decision.statement.gate == key and not decision.revoked]


def _said(taken: Sequence[Decision], name: str) -> Decision | None:
    return next((decision for decision in taken if decision.statement.by == name), None)


def _same(taken: Sequence[Decision], statement: Statement) -> Decision:
    earlier = _said(taken, statement.by) or next(iter(taken[-1:]), None)
    if earlier is None:
        raise _void(statement.gate)
    first = earlier.statement
    # Time, token and newest event differ each time that one person says the same thing.
    if replace(statement, at=first.at, token=first.token, head=first.head) == first:
        return earlier
    raise Refused(
        f"gate '{statement.gate}' was decided already: {first.kind} by {first.by}",
        reason="already_decided",
        fix="a decision is taken once; see 'phasegate status'",
    )


def _used() -> Refused:
    return Refused(
        "the one-time token was used, is too old, or was given to somebody else or for something else",
        reason="token_used",
        fix="look at the gate again; it gives out a new one",
    )


def _void(key: GateKey) -> Refused:
    return Refused(f"gate '{key}' is void", reason="gate_void", fix="list gates: 'phasegate gates'")


def _check_approver(keeper: Gatekeeper, decision: Decision, dossier: GateHistory) -> None:
    statement = decision.statement
    if statement.by.startswith(POLICY):
        raise Refused("a policy decides by itself alone", reason="not_an_approver", fix="sign as a manager")
    phase = keeper.flow.phase(statement.gate.phase)
    reason = keeper.register().refusal(decision, phase, dossier, keeper.clock.now())
    if reason:
        raise Refused(
            f"'{statement.by}' cannot decide at gate '{statement.gate}' with this key",
            reason=reason,
            fix=_FIXES[reason],
        )


def _check_open(
    keeper: Gatekeeper, gate: GateRecord, dossier: GateHistory, statement: Statement, who: Credentials
) -> None:
    # Expiry is held against the run's last event too: a clock that is set back must not revive a gate that was over.
    phase, now = keeper.flow.phase(gate.key.phase), keeper.latest(dossier)
    if expired(gate, phase, now):
        raise Refused(
            f"gate '{gate.key}' was open for longer than {phase.gate.expires_after}",
            reason="gate_expired",
            fix=f"open it anew: 'phasegate run --resume {gate.key.run}'",
        )
    _current(gate, statement)
    _on_this_record(dossier, statement)
    # After the digest: a token for other bytes would be refused as used, which tells nobody to look again.
    if not token_holds(statement.token, keeper.system, gate, statement.by, now):
        raise _used()
    # Freshness is of this moment, by the clock alone: the run's last event says nothing of when a person proved who
    # they are.
    if phase.gate.reauthenticate and not who.fresh(keeper.clock.now()):
        raise Refused(
            f"gate '{gate.key}' asks who you are at the moment of the decision",
            reason="reauthentication_required",
            fix="give your passphrase again",
        )
    _check_content(statement, findings_in(dossier), now)
    # An exception that was granted at an earlier gate excuses only until its day; passing here would release what it
    # excused.
    _not_lapsed(statement, dossier, now)


def _current(gate: GateRecord, statement: Statement) -> None:
    if (statement.digest, statement.tree) != (gate.digest, gate.tree):
        raise Refused(
            f"digest '{statement.digest[:12]}' is not that of gate '{gate.key}': it shows other bytes now",
            reason="stale_digest",
            fix=f"look again: 'phasegate gate {gate.key}'",
        )


def _on_this_record(dossier: GateHistory, statement: Statement) -> None:
    """Refuse what was signed on other events than the run has since the gate opened.

    The signature covers all of them, so that none can be cut off or changed afterwards with the system's key alone.
    """
    opened = next((place for place, entry in enumerate(dossier.events) if entry.event is dossier.opened), 0)
    if statement.head not in {entry.digest.hex() for entry in dossier.events[opened:]}:
        raise Refused(
            f"it was signed on other events than those of run '{dossier.key.run}' at this gate",
            reason="stale_head",
            fix=f"look again: 'phasegate gate {dossier.key}'",
        )


def _not_lapsed(statement: Statement, dossier: GateHistory, now: datetime) -> None:
    over = expired_waiver(dossier.passed, now.date()) if statement.kind.passes else None
    if over:
        raise Refused(
            f"the exception from {', '.join(over.rules)} was over on {over.expires}: what it excused stands again",
            reason="waiver_expired",
            fix="reject, and start the spec again with it mended",
        )


def _check_content(statement: Statement, findings: Sequence[Finding], now: datetime) -> None:
    blocking = [finding for finding in findings if finding.blocking]
    if statement.kind is DecisionKind.request_changes and not statement.comments:
        raise Refused(
            "changes are requested without saying which",
            reason="comments_missing",
            fix="write at least one comment (in the terminal: --comment TEXT)",
        )
    if statement.kind is DecisionKind.approve and blocking:
        names = ", ".join(sorted({rule_of(finding) for finding in blocking}))
        raise Refused(
            f"{len(blocking)} blocking finding(s) stand: {names}",
            reason="blocking_findings",
            fix="request changes, or waive them with an owner, a reason and an expiry",
        )
    if statement.kind is DecisionKind.waive:
        _waivable(statement, {rule_of(finding) for finding in blocking}, now.date())


def _waivable(statement: Statement, blocking: set[str], today: date) -> None:
    waiver = statement.waiver
    if not blocking:
        raise Refused("no finding blocks this gate", reason="nothing_to_waive", fix="approve it")
    if waiver is None or not (waiver.owner and waiver.reason and blocking <= set(waiver.rules)):
        missing = ", ".join(sorted(blocking - set(waiver.rules if waiver else ())))
        raise Refused(
            f"the exception does not cover everything that blocks: {missing or 'owner or reason is missing'}",
            reason="waiver_incomplete",
            fix="name each rule, an owner, a reason and an expiry (--waive, --owner, --reason, --expires)",
        )
    if _day(waiver.expires) <= today:
        raise Refused(
            f"an exception that expires on {waiver.expires} is over before it begins",
            reason="waiver_expired",
            fix="give a day to come, as YYYY-MM-DD",
        )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"'{text}' is not a date", reason="waiver_expired", fix="write it as YYYY-MM-DD") from error


def rule_of(finding: Finding) -> str:
    """Return the waived rule as `check/rule`."""
    return f"{finding.check}/{finding.rule}"
