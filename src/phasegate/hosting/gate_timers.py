"""Gates with time: looked at as long as a worker is hosted here, and opened anew once they expired."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from phasegate.app import App
from phasegate.core import PhasegateError, SystemClock
from phasegate.core.tasks import beside
from phasegate.ledger import GateStatus, Run, RunStatus
from phasegate.ledger.events import GateVoided
from phasegate.workflow import sweep
from phasegate.workflow.engine.lease import Watch, read_leases
from phasegate.workflow.gates.clock_steadiness import STEADY, Steadiness

EVERY = 30.0
"""Seconds."""
_log = logging.getLogger("phasegate.watch")


@asynccontextmanager
async def watching(app: App, every: float = EVERY) -> AsyncIterator[None]:
    """Send reminders, escalate and close expired gates as long as the context lasts, each once across processes."""
    async with beside(_watch(app, every)):
        yield


async def _watch(app: App, every: float) -> None:
    steadiness, watch, logged = Steadiness(), Watch(), ""
    while True:
        try:
            apart = watch.apart(await app.database.read(read_leases))
            # A clock that was handed in, as in tests and replays, does not jump; only the machine's has to prove itself
            # (decision 0019).
            await sweep(app.keeper, steadiness.look(apart) if isinstance(app.clock, SystemClock) else STEADY)
            logged = ""
        except Exception as error:
            logged = _failed(error, logged)
        await asyncio.sleep(every)


def _failed(error: Exception, logged: str) -> str:
    """Log why the gates were not looked at unless that was logged last, with a traceback for a failure of ours."""
    text = f"{type(error).__name__}: {error}"
    if text != logged:
        ours = error if not isinstance(error, PhasegateError) else None
        _log.warning("the gates are not looked at: %s", error, exc_info=ours, extra={"action": "sweep"})
    return text


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
