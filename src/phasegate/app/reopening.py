"""Opens gates anew that expired: all of them, where a clock was wrong."""

from phasegate.app.app import App
from phasegate.ledger import GateStatus, Run, RunStatus
from phasegate.ledger.events import GateVoided


async def reopen(app: App) -> list[Run]:
    """Send on every run whose gate expired, so that each opens its gate anew for new decisions.

    Returns:
        Those runs.
    """
    parked = await app.ledger.runs(status=RunStatus.parked)
    return [await app.resume(run.id) for run in parked if await _expired(app, run)]


async def _expired(app: App, run: Run) -> bool:
    gates, voids = await app.ledger.gates(run.id), await app.ledger.events_of(run.id, GateVoided)
    last = voids[-1].reason if voids else ""
    return bool(gates) and gates[-1].status is GateStatus.void and last == "gate_expired"
