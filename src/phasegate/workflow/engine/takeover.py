"""Takes a run away from a worker that does not work on it, for a person who wants it to go on."""

import asyncio
import time
from typing import TYPE_CHECKING

import sqlalchemy as sa

from phasegate.core import Held
from phasegate.store import Database
from phasegate.workflow.engine import lease as leases
from phasegate.workflow.engine.lease import BEAT_SECONDS, Lease, Watch

if TYPE_CHECKING:
    from phasegate.workflow.engine.queue import Queue

SILENCE_SECONDS = 1.5 * BEAT_SECONDS
"""How long a lease that looks old is watched before it is believed to be: a clock may be wrong, beats are not."""
GRACE_SECONDS = 4 * BEAT_SECONDS
"""How long a live worker has to send on what it holds and does not work on."""


async def free(database: Database, queue: "Queue", run_id: str) -> None:
    """Have a run's segment wait again, where nobody works on it who holds it.

    Raises:
        Held: a live process works on it.
    """
    watch, deadline = Watch(), time.monotonic() + GRACE_SECONDS
    while (holder := await asyncio.to_thread(queue.holder, run_id)) is not None:
        lease = await database.read(_find, holder)
        # A process that has ended is seen at once. One that only seems old is watched for a beat and a half, since its
        # clock or ours may be wrong.
        if lease is None or watch.is_over(lease, 0.0 if lease.gone else SILENCE_SECONDS):
            await _take_over(database, queue, run_id, lease, holder)
            return
        if lease.live and (run_id in lease.works or time.monotonic() > deadline):
            raise Held(
                f"run '{run_id}' is being worked on by process {lease.pid}",
                fix=f"follow it with 'phasegate status {run_id}', or stop that process",
            )
        await asyncio.sleep(0.2)


async def _take_over(database: Database, queue: "Queue", run_id: str, lease: Lease | None, holder: str) -> None:
    if lease and not lease.taken and not await database.write(leases.take_over, lease):
        # It renewed in the meantime: look again from the start.
        return await free(database, queue, run_id)
    for segment, by in (await asyncio.to_thread(queue.held)).items():
        if by == holder:
            await asyncio.to_thread(queue.send_on, segment, holder)


def _find(connection: sa.Connection, executor: str) -> Lease | None:
    return next((lease for lease in leases.read_leases(connection) if lease.executor == executor), None)
