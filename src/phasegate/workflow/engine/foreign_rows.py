"""Refuses rows of the queue that Phasegate did not write."""

import asyncio
import logging

from phasegate.core import SystemClock, UsageError
from phasegate.ledger import Ledger, PrivateKey
from phasegate.store import Store
from phasegate.workflow.engine.guarding import park
from phasegate.workflow.engine.queue import Queue
from phasegate.workflow.engine.queue_rows import ForeignRow

_log = logging.getLogger("phasegate.worker")


async def refuse_foreign(store: Store, system: PrivateKey, queue: Queue) -> None:
    """Parks the runs whose rows in the queue somebody else wrote, and deletes those rows.

    The run goes on from its last checkpoint when a person resumes it: a row holds nothing but the run's name.
    """
    rows = await asyncio.to_thread(queue.foreign)
    if not rows:
        return
    database = await store.open()
    try:
        for row in rows:
            await _park_foreign(Ledger(database, SystemClock(), system, queue.dispatch), row)
            await asyncio.to_thread(queue.delete, row)
    finally:
        await database.close()


async def _park_foreign(ledger: Ledger, row: ForeignRow) -> None:
    message = f"the queue's row '{row.id}' was changed (serializer {row.serializer}); it was refused, and nothing ran"
    _log.error(message, extra={"action": "refuse", "run": row.run})
    try:
        run = await ledger.run(row.run)
    except UsageError:
        return
    if run.id == row.run and not run.status.ended:
        fix = f"find out who writes the database, then go on: 'phasegate run --resume {run.id}'"
        await park(ledger, run.id, message, fix)
