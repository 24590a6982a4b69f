"""The contract between Phasegate and a database, which each store keeps in its own way.

A `Store` is an address: it holds no connection, so a worker hands it to its threads, and each opens what it needs. A
`Database` is one that was opened by a process. Whoever has either knows no dialect, no file and no lock of a file.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

import sqlalchemy as sa

from phasegate.store.statement import Execute

if TYPE_CHECKING:  # loading LangGraph takes a while, and only what drives a graph needs it
    from langgraph.checkpoint.base import BaseCheckpointSaver

Guard = Callable[[Execute], None]
"""Checks at the start of each transaction that writes that it may; it raises if not."""
LOST = "put a backup back: 'phasegate restore FILE'; or begin without its runs: 'phasegate restore --forget-runs'"
"""Remedy where a record is gone."""
_TURN_SECONDS = 0.02

P = ParamSpec("P")
T = TypeVar("T")


def unguarded(execute: Execute) -> None:
    """Let every transaction write."""


class Changes(Protocol):
    """Watcher for commits of other connections, used by one thread."""

    def any(self) -> bool:
        """Return whether anything was committed since the last look, and True at the first."""

    def close(self) -> None:
        """Close the connection."""


class Lock(Protocol):
    """A named lock that ends with the process that holds it."""

    def close(self) -> None:
        """Release the lock."""


class Checkpoints(Protocol):
    """LangGraph's checkpoints in a database, whose writes pass the database's guard."""

    @property
    def saver(self) -> "BaseCheckpointSaver[Any]":
        """The saver of a graph, which loads plain data alone so that a checkpoint cannot make it run code."""

    async def forget(self, run: str, namespaces: Collection[str]) -> None:
        """Delete what a parked run does not need: all but the newest checkpoint of each live namespace.

        Without it a run's checkpoints grow to 127 KB by its last gate.

        Args:
            run: The run whose checkpoints they are.
            namespaces: The live ones: the top one `""`, and that of the phase that waits.
        """

    async def close(self) -> None:
        """Close the connection, after what was begun has ended."""


class Database(Protocol):
    """An open database whose commits are on disk when they return."""

    @property
    def store(self) -> "Store":
        """The store that it was opened from."""

    async def read(self, body: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the function's result, on a connection that sees one state of the database.

        Raises:
            Exhausted: The database cannot be used.
        """

    async def write(self, body: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the function in one exclusive transaction, which commits unless it raises.

        Raises:
            Exhausted: The database cannot be used; nothing was stored.
        """

    def checkpoints(self) -> Checkpoints:
        """Open the checkpoints."""

    async def close(self) -> None:
        """Close all connections, after what was begun has ended."""


class Store(Protocol):
    """The address of a database, and everything that is done with the database as a whole."""

    @property
    def name(self) -> str:
        """The database's name for people, such as the path of its file."""

    @property
    def places(self) -> Collection[Path]:
        """Files and folders of this machine that must stay where they are while the database is used."""

    def exists(self) -> bool:
        """Return whether anything is at the address, sound or not."""

    def is_database(self) -> bool:
        """Return whether a database is at the address."""

    async def open(self, guard: Guard = unguarded) -> Database:
        """Open the database, made or migrated by one of several processes that open it at once.

        Args:
            guard: Checks at the start of each transaction that writes whether it may.

        Raises:
            Exhausted: The database cannot be used, or what is there is none.
            InvalidInput: A newer Phasegate made it, or the address cannot be used.
        """

    def engine(self) -> sa.Engine:
        """Make an engine for a thread of its own, whose transactions write one after another and pass no guard.

        A commit is seen by all at once, and may be lost where the machine stops: it suits what is repeated, such as
        the beats of a lease.
        """

    def queue_engine(self) -> sa.Engine:
        """Make an engine for DBOS, which begins its transactions itself."""

    def changes(self) -> Changes:
        """Look for commits from now on."""

    def errors(self) -> AbstractContextManager[None]:
        """Raise the database's failures inside as `Exhausted`, with what a person can do."""

    def try_lock(self, name: str) -> Lock | None:
        """Take the lock of a name in this database, or return None where another process or task has it.

        Raises:
            Exhausted: There are no locks here.
        """

    def back_up(self, target: Path, describe: Callable[[sa.Connection], T]) -> T:
        """Write a copy into one file that is consistent while others write, and on disk when this returns.

        Returns:
            What the function finds in exactly what was copied.
        """

    def fault(self) -> str:
        """Return the first internal fault of the database, or an empty string."""

    def put_aside(self) -> list[Path]:
        """Move what is left of a lost database away, for somebody who may still ask for it, and return where it is."""


@asynccontextmanager
async def locked(store: Store, name: str) -> AsyncIterator[None]:
    """Hold the lock of a name, and wait for it without holding a thread that its holder may need."""
    while (lock := store.try_lock(name)) is None:  # noqa: ASYNC110 - another process may hold it, which sets no event here
        await asyncio.sleep(_TURN_SECONDS)
    try:
        yield
    finally:
        lock.close()
