"""A SQLite file with our rows, the checkpoints and the queue.

A transaction is one function on one connection, and nothing can be awaited inside. Where nobody writes, it is done at
once, on the loop: to enter a thread and come back takes as long again, and several times as long on a busy machine.
Where anybody holds the lock, it waits for it in a thread beside the loop.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa

from phasegate.store.database import Guard
from phasegate.store.sqlite.engine import BUSY_SECONDS, WRITES, execute
from phasegate.store.sqlite.errors import is_locked

if TYPE_CHECKING:
    from phasegate.store.sqlite.checkpoints import SqliteCheckpoints
    from phasegate.store.sqlite.store import SqliteStore

_READERS = 4
_DURABLE = "PRAGMA synchronous=FULL"
"""It puts on disk what was committed before, too: a checkpoint that is not synced itself is never newer than a row."""

P = ParamSpec("P")
T = TypeVar("T")


class SqliteDatabase:
    """The workspace's database, as one process has it open."""

    def __init__(self, store: "SqliteStore", engine: sa.Engine, guard: Guard) -> None:
        self.store = store
        self.guard = guard
        self._engine = engine
        self._readers = _Readers(engine)
        self._writer = _Writer(engine.execution_options(**WRITES))

    async def close(self) -> None:
        """Close all connections, after what was begun has ended."""
        await asyncio.to_thread(self._readers.close)
        await asyncio.to_thread(self._writer.close)
        self._engine.dispose()

    async def read(self, body: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the function's result, on a connection that sees one state of the database."""
        with self.store.errors():
            return await self._readers.run(partial(_call, body, args, kwargs))

    async def write(self, body: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the function in one transaction that holds the write lock and commits unless the function raises."""
        with self.store.errors():
            return await self._writer.run(partial(_guarded, self.guard, body, args, kwargs))

    def checkpoints(self) -> "SqliteCheckpoints":
        """Open the checkpoints, on a connection of their own."""
        from phasegate.store.sqlite.checkpoints import SqliteCheckpoints  # loads LangGraph

        return SqliteCheckpoints(self)

    async def alone(self, work: Callable[[int], T]) -> T:
        """Run work of a library that brings its own connection and transaction, while no other writer writes.

        Args:
            work: Told for how many milliseconds to wait for the file's lock; nothing is done where it does not get it.
        """
        with self.store.errors():
            return await self._writer.alone(work)


class _Connections:
    """Connections that stay open: taking one from a pool costs more than most transactions."""

    def __init__(self, engine: sa.Engine, busy_ms: int = BUSY_SECONDS * 1000) -> None:
        self._engine = engine
        self._busy_ms = busy_ms
        self._free: list[sa.Connection] = []

    def transact(self, work: Callable[[sa.Connection], T]) -> T:
        """The function's result, from a transaction of its own."""
        connection = self._free.pop() if self._free else self._opened()
        try:
            with connection.begin():
                result = work(connection)
        except BaseException:
            # Not back to the others: a connection whose transaction failed may be in a state that nobody expects.
            connection.close()
            raise
        self._free.append(connection)
        return result

    def close(self) -> None:
        """Closes them."""
        for connection in self._free:
            connection.close()

    def _opened(self) -> sa.Connection:
        connection = self._engine.connect()
        plain: Any = connection.connection.driver_connection
        plain.execute(f"PRAGMA busy_timeout={self._busy_ms}")  # whoever had it before may have been less patient
        plain.execute(_DURABLE)
        return connection


class _Readers:
    """Threads that read: what is long to read must not hold up the loop."""

    def __init__(self, engine: sa.Engine) -> None:
        self._threads = ThreadPoolExecutor(_READERS, "database-reader")
        self._connections = _Connections(engine)

    async def run(self, work: Callable[[sa.Connection], T]) -> T:
        """The function's result, from a transaction of its own."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._connections.transact, work)

    def close(self) -> None:
        """Waits for what was begun, and closes."""
        self._threads.shutdown()
        self._connections.close()


class _Writer:
    """Writes at once, or else in a thread, where what waits stands in line: asking a locked file again costs more."""

    def __init__(self, engine: sa.Engine) -> None:
        self._thread = ThreadPoolExecutor(1, "database-writer")
        self._turn = threading.Lock()
        self._patient = _Connections(engine)
        self._hasty = _Connections(engine, busy_ms=0)

    async def run(self, work: Callable[[sa.Connection], T]) -> T:
        """The function's result, from a transaction of its own."""
        return await self._done(lambda busy_ms: (self._patient if busy_ms else self._hasty).transact(work))

    async def alone(self, work: Callable[[int], T]) -> T:
        """Run a function that brings its own transaction."""
        return await self._done(work)

    def close(self) -> None:
        """Waits for what was begun, and closes."""
        self._thread.shutdown()
        self._patient.close()
        self._hasty.close()

    async def _done(self, work: Callable[[int], T]) -> T:
        if self._turn.acquire(blocking=False):
            try:
                return work(0)
            except (sqlite3.OperationalError, sa.exc.OperationalError) as error:
                if not is_locked(error):
                    raise
            finally:
                self._turn.release()
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._waited, work)

    def _waited(self, work: Callable[[int], T]) -> T:
        with self._turn:
            return work(BUSY_SECONDS * 1000)


def _call(body: Callable[..., T], args: Any, kwargs: Any, connection: sa.Connection) -> T:
    return body(connection, *args, **kwargs)


def _guarded(guard: Guard, body: Callable[..., T], args: Any, kwargs: Any, connection: sa.Connection) -> T:
    guard(partial(execute, connection.connection.driver_connection))
    return body(connection, *args, **kwargs)
