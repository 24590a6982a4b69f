"""Puts events that are recorded at the same time into one transaction: judges work side by side, and end together."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from phasegate.core import Clock
from phasegate.ledger import chain
from phasegate.ledger.events import Event
from phasegate.ledger.signing.keys import Signer
from phasegate.store import Database

_Batch = list[tuple[str, Sequence[Event], asyncio.Future[None]]]


class Recorder:
    """Whoever records waits until what they said is stored, with whatever came in while the one before was written."""

    def __init__(self, database: Database, clock: Clock, signer: Signer) -> None:
        self._database = database
        self._clock = clock
        self._signer = signer
        self._waiting: _Batch = []
        self._writing: asyncio.Task[None] | None = None

    async def record(self, run_id: str, events: Sequence[Event]) -> None:
        """Returns when they are stored, or raises what storing them raised."""
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((run_id, events, stored))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await stored

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            if not await self._stored(batch, last=len(batch) == 1):
                for alone in batch:
                    await self._stored([alone], last=True)
        self._writing = None

    async def _stored(self, batch: _Batch, *, last: bool) -> bool:
        """Store one event of a batch alone and return whether it was stored, so that a bad one harms no other."""
        try:
            await self._database.write(_append, self._clock.now(), batch, self._signer)
        except Exception as error:
            if last:
                _tell(batch, error)
            return False
        _tell(batch, None)
        return True


def _append(connection: sa.Connection, now: datetime, batch: _Batch, signer: Signer) -> None:
    by_run: dict[str, list[Event]] = {}
    for run_id, events, _ in batch:
        by_run.setdefault(run_id, []).extend(events)
    for run_id, all_events in by_run.items():
        chain.append(connection, run_id, now, all_events, signer)


def _tell(batch: _Batch, error: Exception | None) -> None:
    for *_, stored in batch:
        # Whoever waited may have been cancelled meanwhile.
        if stored.done():
            continue
        if error is None:
            stored.set_result(None)
        else:
            stored.set_exception(error)
