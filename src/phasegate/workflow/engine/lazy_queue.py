"""The queue, opened at its first use."""

import asyncio
from typing import TYPE_CHECKING

import sqlalchemy as sa

from phasegate.core import PhasegateError
from phasegate.store import Store

if TYPE_CHECKING:
    from phasegate.workflow.engine.queue import Queue


class LazyQueue:
    """The queue, opened at its first use: its library takes a while to load, and what only reads needs none."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: Queue | None = None
        self._opening = asyncio.Lock()

    async def opened(self) -> "Queue":
        """The queue.

        Raises:
            Exhausted: the database cannot be used.
        """
        async with self._opening:
            if self._queue is None:
                from phasegate.workflow.engine.queue import Queue

                self._queue = await Queue.open(self._store)
            return self._queue

    def dispatch(self, connection: sa.Connection, run_id: str, number: int) -> None:
        """Enqueue a segment in the caller's transaction, for which the queue must be open already.

        Raises:
            PhasegateError: it was not.
        """
        if self._queue is None:
            raise PhasegateError("the queue is not open", fix="open it before the transaction begins")
        self._queue.dispatch(connection, run_id, number)

    def close(self) -> None:
        """Closes it, where it was opened."""
        if self._queue:
            self._queue.close()
