"""One SQLite file for everything: our rows, the checkpoints and the queue.

SQLAlchemy's SQLite drivers open transactions late and as readers, so that two who read and then write lose updates.
Here a writer takes the write lock first (BEGIN IMMEDIATE) and waits for it at most 30 s.
"""

import errno
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from phasegate.core import Exhausted
from phasegate.store.migrate import upgrade

BUSY_SECONDS = 30
_WRITES = {"writes": True}


class Database:
    """The workspace's database; everything that is stored goes through one of these."""

    def __init__(self, path: Path, engine: AsyncEngine) -> None:
        self.path = path
        self._engine = engine

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Opens the file, makes it and its tables where they are missing.

        Raises:
            Exhausted: the disk is full, the file cannot be written, or somebody holds it for longer than 30 s.
        """
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
            prepare(engine.sync_engine)
            database = cls(path, engine)
            await upgrade(engine)
        return database

    async def close(self) -> None:
        """Closes all connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees one state of the database."""
        with storage_errors(self.path):
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """One transaction that holds the write lock; await nothing else inside. Commits at the end."""
        with storage_errors(self.path):
            async with self._engine.connect() as plain:
                connection = await plain.execution_options(**_WRITES)
                async with connection.begin():
                    yield connection


def sync_engine(path: Path) -> sa.Engine:
    """A synchronous engine on the same file, with the same pragmas, for the queue library."""
    engine = sa.create_engine(f"sqlite:///{path}")
    prepare(engine)
    return engine


def prepare(engine: sa.Engine) -> None:
    """Sets the pragmas on each new connection, and has transactions begin as ours must."""

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (f"busy_timeout={BUSY_SECONDS * 1000}", "journal_mode=WAL", "synchronous=NORMAL"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
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
        if error.errno not in (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT):
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
    return "check that the folder is there and may be written by you"
