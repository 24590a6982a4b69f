"""Looks at the open gates every now and then, as long as a worker is hosted here."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from phasegate.app.app import App
from phasegate.core import SystemClock
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
    steadiness, watch = Steadiness(), Watch()
    while True:
        try:
            apart = watch.apart(await app.database.read(read_leases))
            await sweep(app.keeper, steadiness.look(apart) if isinstance(app.clock, SystemClock) else STEADY)
        except Exception:
            _log.exception("looking at the gates failed", extra={"action": "sweep"})
        await asyncio.sleep(every)
