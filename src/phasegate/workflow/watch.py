"""What happens as time goes by: reminders, escalation, expiry, exceptions that end; each once, whatever the clock."""

from collections.abc import Iterator
from datetime import date, datetime

from phasegate.ledger import Entry, GateKey, GateRecord, GateStatus, Waiver
from phasegate.team import Phase
from phasegate.workflow.approvers import escalated, expired
from phasegate.workflow.gatekeeper import Gatekeeper


async def sweep(keeper: Gatekeeper) -> None:
    """Looks at every open gate once; one that was open for too long is closed with nothing approved."""
    now, register = keeper.clock.now(), keeper.register()
    for gate in await keeper.ledger.gates(status=GateStatus.open):
        if gate.key.phase not in keeper.flow.phase_ids:
            continue
        phase = keeper.flow.phase(gate.key.phase)
        if expired(gate, phase, now):
            note = f"gate '{gate.key}' expired\nopen it anew: 'phasegate run --resume {gate.key.run}'"
            await keeper.ledger.expire(gate.key, note)
        else:
            due = list(_due(gate, phase, register.approvers(phase, gate, now), now))
            if due:
                await keeper.ledger.record(gate.key.run, *due)
    for statement in await keeper.ledger.excused():
        if statement.waiver and date.fromisoformat(statement.waiver.expires) <= now.date():
            await keeper.ledger.record(statement.gate.run, _lapsed(statement.gate, statement.waiver))


def _lapsed(gate: GateKey, waiver: Waiver) -> Entry:
    said = {"rules": list(waiver.rules), "owner": waiver.owner, "reason": waiver.reason, "expires": waiver.expires}
    return f"lapsed:{gate.phase}/{gate.attempt}", said


def _due(gate: GateRecord, phase: Phase, approvers: list[str], now: datetime) -> Iterator[Entry]:
    place, age = f"{gate.key.phase}/{gate.key.attempt}", now - gate.opened_at
    every = phase.gate.remind_after
    if every and age >= every:
        yield f"reminder:{place}/{age // every}", {"to": approvers}
    if escalated(gate, phase, now):
        yield f"escalated:{place}", {"to": approvers}
