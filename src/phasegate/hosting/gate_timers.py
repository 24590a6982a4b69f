"""Looks at the open gates every now and then, as long as a worker is hosted here."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from phasegate.app.app import App
from phasegate.core import PhasegateError, SystemClock
from phasegate.workflow import sweep
from phasegate.workflow.engine.lease import Watch, read_leases
from phasegate.workflow.gates.clock_steadiness import STEADY, Steadiness

EVERY = 30.0
"""Seconds."""
_log = logging.getLogger("phasegate.watch")


@asynccontextmanager
async def watching(app: App, every: float = EVERY) -> AsyncIterator[None]:
    """Send reminders, escalate and close expired gates as long as the context lasts, each once across processes."""
    task = asyncio.create_task(_watch(app, every))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _watch(app: App, every: float) -> None:
    steadiness, watch, logged = Steadiness(), Watch(), ""
    while True:
        try:
            apart = watch.apart(await app.database.read(read_leases))
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
