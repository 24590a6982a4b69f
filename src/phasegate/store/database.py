"""One SQLite file for everything: our rows, the checkpoints and the queue.

SQLAlchemy's SQLite drivers open transactions late and as readers, so that two who read and then write lose updates.
Here a writer takes the write lock first (BEGIN IMMEDIATE) and waits for it at most 30 s.

A transaction is one function on one connection, and nothing can be awaited inside. Where nobody writes, it is done at
once, on the loop: to enter a thread and come back takes as long again, and several times as long on a busy machine.
Where anybody holds the lock, it waits for it in a thread beside the loop.
"""

import asyncio
import errno
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from phasegate.core import Exhausted
from phasegate.store import files
from phasegate.store.migrate import upgrade
from phasegate.store.moments import add_unixepoch
from phasegate.store.statement import EXECUTE, Execute, Statement

BUSY_SECONDS = 30
READERS = 4
PRAGMAS = (f"busy_timeout={BUSY_SECONDS * 1000}", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")
"""Of every connection to the file, but that commits of `Database.write` are on disk when it returns."""
_DURABLE = "PRAGMA synchronous=FULL"
"""It puts on disk what was committed before, too: a checkpoint that is not synced itself is never newer than a row."""
Guard = Callable[[Execute], None]
"""Checks in a transaction that is about to write that it may; it raises if not."""
_WRITES = {"writes": True}
_DIALECT = sqlite.dialect(paramstyle="named")

_STORAGE = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EEXIST, errno.ENOTDIR)

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """The workspace's database; everything that is stored goes through one of these."""

    def __init__(self, path: Path, engine: sa.Engine, guard: Guard = lambda _: None) -> None:
        self.path = path
        self.guard = guard
        self._engine = engine
        self._readers = _Readers(engine)
        self._writer = _Writer(engine.execution_options(**_WRITES))

    @classmethod
    async def open(cls, path: Path, guard: Guard = lambda _: None) -> Self:
        """Opens the file, makes it and its tables where they are missing; nobody but its owner can read it.

        Args:
            path: of the file.
            guard: checks at the start of each transaction that writes whether it may.

        Raises:
            Exhausted: the disk is full, the file cannot be written, or somebody holds it for longer than 30 s.
            InvalidInput: a newer Phasegate made it, or its path is one that cannot be used.
        """
        with storage_errors(path):
            await asyncio.to_thread(files.prepare, path)
            if not await asyncio.to_thread(path.exists):
                await asyncio.to_thread(files.create, path, _migrated)
            await asyncio.to_thread(files.refuse_lost, path)
            engine = sync_engine(path)
            try:
                await asyncio.to_thread(upgrade, engine.execution_options(**_WRITES))
            except BaseException:
                engine.dispose()
                raise
        return cls(path, engine, guard)

    async def close(self) -> None:
        """Closes all connections, after what was begun has ended."""
        await asyncio.to_thread(self._readers.close)
        await asyncio.to_thread(self._writer.close)
        self._engine.dispose()

    async def read(self, body: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function finds on a connection that sees one state of the database."""
        with storage_errors(self.path):
            return await self._readers.run(partial(_call, body, args, kwargs))

    async def write(self, body: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs the function in one transaction that holds the write lock; commits unless it raises."""
        with storage_errors(self.path):
            return await self._writer.run(partial(_guarded, self.guard, body, args, kwargs))

    async def alone(self, work: Callable[[int], T]) -> T:
        """Runs work of a library that brings a connection and a transaction of its own, while no other writer writes.

        Args:
            work: told for how many milliseconds to wait for the file's lock; nothing is done where it does not get it.
        """
        with storage_errors(self.path):
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
        self._threads = ThreadPoolExecutor(READERS, "database-reader")
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
        """The function's result; it brings its own transaction."""
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
                if not _is_locked(error):
                    raise
            finally:
                self._turn.release()
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._waited, work)

    def _waited(self, work: Callable[[int], T]) -> T:
        with self._turn:
            return work(BUSY_SECONDS * 1000)


def _is_locked(error: Exception) -> bool:
    """Whether somebody else holds the file's lock: the transaction did not begin."""
    cause = getattr(error, "orig", None) or error
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _call(body: Callable[..., T], args: Any, kwargs: Any, connection: sa.Connection) -> T:
    return body(connection, *args, **kwargs)


def _guarded(guard: Guard, body: Callable[..., T], args: Any, kwargs: Any, connection: sa.Connection) -> T:
    guard(partial(execute, connection.connection.driver_connection))
    return body(connection, *args, **kwargs)


def address(path: Path) -> sa.URL:
    """The address of the file for SQLAlchemy; text put together by hand is read otherwise where the path has a '?'."""
    return sa.URL.create("sqlite", database=str(path))


def execute(driver: Any, statement: Statement, /, **values: Any) -> sqlite3.Cursor:
    """Execute a statement on the driver's connection; rows are read by the names of their columns."""
    sql, fixed = statement.compiled(_DIALECT)
    cursor: sqlite3.Cursor = driver.cursor()
    cursor.row_factory = sqlite3.Row
    return cursor.execute(sql, {**fixed, **values})


def _migrated(path: Path) -> None:
    engine = sync_engine(path)
    try:
        upgrade(engine.execution_options(**_WRITES))
    finally:
        engine.dispose()


def sync_engine(path: Path) -> sa.Engine:
    """An engine on the file, with its pragmas, that begins transactions as they must."""
    engine = sa.create_engine(address(path), execution_options={EXECUTE: execute})
    sa.event.listen(engine, "connect", _connected)
    sa.event.listen(engine, "begin", _begin)
    return engine


def queue_engine(path: Path) -> sa.Engine:
    """An engine on the file for the queue's library, which begins its transactions itself.

    It reads before it writes. In a transaction that began as a reader's, SQLite refuses the write at once where anybody
    has written since, and the library tries again after a second; so its transactions begin with their first write.
    """
    engine = sa.create_engine(address(path), connect_args={"isolation_level": "IMMEDIATE"}, pool_size=20)
    sa.event.listen(engine, "connect", _set_pragmas)
    return engine


def _connected(connection: Any, _: Any) -> None:
    connection.isolation_level = None
    _set_pragmas(connection, _)


def _set_pragmas(connection: Any, _: Any) -> None:
    add_unixepoch(connection)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Says of the database's own failures what happened and what to do; nothing was stored when it raises."""
    try:
        yield
    except (sa.exc.DatabaseError, sqlite3.DatabaseError) as error:
        if _is_ours(error):
            raise
        raise Exhausted(f"the database '{path}' cannot be used: {_reason(error)}", fix=_fix(str(error))) from error
    except OSError as error:
        if error.errno not in _STORAGE:
            raise
        raise Exhausted(
            f"'{path.parent}' cannot be written: {error.strerror}", fix=_fix(error.strerror or "")
        ) from error


def _is_ours(error: Exception) -> bool:
    """Whether the statement is at fault rather than the file; corruption comes as a plain DatabaseError."""
    cause = getattr(error, "orig", None) or error
    return type(cause) not in (sqlite3.OperationalError, sqlite3.DatabaseError)


def _reason(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error)


def _fix(message: str) -> str:
    if "full" in message or "No space" in message:
        return "free some disk space, then go on with 'phasegate run --resume RUN'"
    if "not a database" in message or "malformed" in message:
        return "put a copy of it back, or move it away; what was approved is still in the repository's branches"
    if "locked" in message:
        return "another process held it for 30 s: stop that process, or try again"
    if "I/O error" in message:  # SQLite says it of a full disk too, where it cannot lengthen its shared memory
        return "free some disk space if there is none, and check that the folder may be written by you; then try again"
    return "check that the folder is there and may be written by you"
