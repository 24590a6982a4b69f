"""Timers of gates: reminders, escalation, expiry and ending exceptions, each once."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from phasegate.ledger import Event, GateKey, GateRecord, GateStatus, Waiver
from phasegate.ledger.events import Escalated, Reminded, WaiverExpired
from phasegate.team import Phase
from phasegate.workflow.gates.approvers import escalated, expired
from phasegate.workflow.gates.clock_steadiness import is_believed
from phasegate.workflow.gates.gatekeeper import Gatekeeper


async def sweep(keeper: Gatekeeper, steady: timedelta) -> None:
    """Check every open gate once, and close those that were open too long with nothing approved.

    Args:
        keeper: of the gates.
        steady: for how long its clock has run evenly; what seems due by one that has just jumped waits.
    """
    now, register = keeper.clock.now(), keeper.register()
    for gate in await keeper.ledger.gates(status=GateStatus.open):
        # The workflow was edited meanwhile; its runs park when they go on, and say so then.
        if gate.key.phase not in keeper.flow.phase_ids:
            continue
        phase = keeper.flow.phase(gate.key.phase)
        if expired(gate, phase, now):
            if not is_believed(steady, phase.gate.expires_after):
                continue
            await keeper.ledger.expire(gate.key, f"gate '{gate.key}' expired\n{_anew(gate.key.run)}")
        else:
            due = list(_due(gate, phase, register.approvers(phase, gate, now), now, steady))
            if due:
                await keeper.ledger.record(gate.key.run, *due)
    if not is_believed(steady):
        return
    for statement in await keeper.ledger.waived():
        if statement.waiver and date.fromisoformat(statement.waiver.expires) <= now.date():
            await keeper.ledger.record(statement.gate.run, _lapsed(statement.gate, statement.waiver))


def _anew(run: str) -> str:
    return f"open it anew: 'phasegate run --resume {run}'; all that expired: 'phasegate gates --reopen'"


def _lapsed(gate: GateKey, waiver: Waiver) -> WaiverExpired:
    return WaiverExpired(phase=gate.phase, attempt=gate.attempt, **vars(waiver))


def _due(gate: GateRecord, phase: Phase, approvers: list[str], now: datetime, steady: timedelta) -> Iterator[Event]:
    key, age, to = gate.key, now - gate.opened_at, tuple(approvers)
    every = phase.gate.remind_after
    if every and age >= every and is_believed(steady, every):
        # The number is part of the event's key: sweeps come every few seconds, and each reminder is recorded once.
        yield Reminded(phase=key.phase, attempt=key.attempt, number=age // every, to=to)
    if escalated(gate, phase, now) and is_believed(steady, phase.gate.escalate_after):
        yield Escalated(phase=key.phase, attempt=key.attempt, to=to)
