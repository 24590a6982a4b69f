"""Engines and connections on the file, their pragmas and their transactions.

SQLAlchemy's SQLite drivers open transactions late and as readers, so that two who read and then write lose updates.
Here a writer takes the write lock first (BEGIN IMMEDIATE) and waits for it at most 30 s.
"""

import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.compiler import compiles

from phasegate.store.sql import now_ms
from phasegate.store.statement import EXECUTE, Statement

BUSY_SECONDS = 30
PRAGMAS = (f"busy_timeout={BUSY_SECONDS * 1000}", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")
"""Set on every connection to the file; commits of `Database.write` are on disk when it returns all the same."""
WRITES = {"writes": True}
"""Execution options of an engine whose transactions take the write lock first."""
_DIALECT = sqlite.dialect(paramstyle="named")
_KNOWS_SUBSEC = (3, 42)


def execute(driver: Any, statement: Statement, /, **values: Any) -> sqlite3.Cursor:
    """Execute a statement on the driver's connection, with rows read by column names."""
    sql, fixed = statement.compiled(_DIALECT)
    cursor: sqlite3.Cursor = driver.cursor()
    cursor.row_factory = sqlite3.Row
    return cursor.execute(sql, {**fixed, **values})


def sync_engine(path: Path) -> sa.Engine:
    """Make an engine on the file, with its pragmas, that begins transactions as they must."""
    engine = sa.create_engine(_url(path), execution_options={EXECUTE: execute})
    sa.event.listen(engine, "connect", _connected)
    sa.event.listen(engine, "begin", _begin)
    return engine


def queue_engine(path: Path) -> sa.Engine:
    """Make an engine on the file for the queue's library, which begins its transactions itself.

    It reads before it writes. In a transaction that began as a reader's, SQLite refuses the write at once where anybody
    has written since, and the library tries again after a second; so its transactions begin with their first write.
    """
    engine = sa.create_engine(_url(path), connect_args={"isolation_level": "IMMEDIATE"}, pool_size=20)
    sa.event.listen(engine, "connect", _set_pragmas)
    return engine


def plain_engine(path: Path) -> sa.Engine:
    """Make an engine that only reads a file, and leaves it in the mode in which it was written."""
    return sa.create_engine(_url(path))


def plain_connection(path: Path) -> sqlite3.Connection:
    """Open a connection of the driver that any thread may use, and that begins no transaction itself."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def add_unixepoch(connection: sqlite3.Connection, version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Register `unixepoch('subsec')` where this SQLite gives NULL for it.

    From Python 3.12 on, DBOS writes that call into the defaults of its columns and into its statements, and a file
    keeps its defaults when another Python opens it. A function of the same name on each connection serves them all.
    """
    if version < _KNOWS_SUBSEC:
        connection.create_function("unixepoch", 1, _now)


def _url(path: Path) -> sa.URL:
    """Return the file's address for SQLAlchemy, which reads a text otherwise where the path has a '?'."""
    return sa.URL.create("sqlite", database=str(path))


def _connected(connection: Any, _: Any) -> None:
    # The driver would begin transactions of its own, late and as a reader's; None leaves BEGIN to `_begin`.
    connection.isolation_level = None
    _set_pragmas(connection, _)


def _set_pragmas(connection: Any, _: Any) -> None:
    add_unixepoch(connection)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    driver: Any = (
        connection.connection.driver_connection
    )  # what the library wraps around a statement costs more than it
    driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN").close()


def _now(modifier: str) -> float | None:
    return time.time_ns() // 1_000_000 / 1000 if modifier == "subsec" else None


@compiles(now_ms, "sqlite")
def _julian(element: now_ms, compiler: Any, **_: Any) -> str:
    return "cast(round((julianday('now') - 2440587.5) * 86400000) as integer)"  # no 'subsec' before SQLite 3.42
