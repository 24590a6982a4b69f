"""LangGraph's checkpoints in the database's file."""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, Self, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from phasegate.core import PhasegateError
from phasegate.store.sqlite.database import SqliteDatabase
from phasegate.store.sqlite.engine import execute, plain_connection

T = TypeVar("T")

_KINDS = ("null", "bytes", "msgpack")
_NEWEST = "select checkpoint_ns, max(checkpoint_id) from checkpoints where {live} group by checkpoint_ns"


class _Plain(JsonPlusSerializer):
    """A serializer of plain data alone: the library also builds objects of its own from rows that name `json`."""

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Return the value of a row.

        Raises:
            PhasegateError: The row names another kind of content.
        """
        if data[0] not in _KINDS:
            raise PhasegateError(
                f"a checkpoint was stored as '{data[0]}', and Phasegate stores none so",
                fix="find out who writes the database; put a copy of it back",
            )
        return super().loads_typed(data)


class SqliteCheckpoints(SqliteSaver):
    """The library's saver, with each operation as one transaction between the database's own.

    The library's saver for async code leaves the loop several times an operation, and its connection and the ledger's
    would wait for each other's lock. It loads plain data alone: a checkpoint cannot make it run code.
    """

    def __init__(self, database: SqliteDatabase) -> None:
        super().__init__(plain_connection(database.store.path), serde=_Plain(allowed_msgpack_modules=None))
        self._database = database
        self._busy_ms = -1
        """Time to wait for the file's lock, as the connection has it; -1: not set yet."""

    @property
    def saver(self) -> Self:
        """The saver of a graph."""
        return self

    @contextmanager
    def cursor(self, transaction: bool = True) -> Iterator[sqlite3.Cursor]:
        """Open a cursor whose use is one transaction.

        A task is over for the graph as soon as one of its writes is stored. If a process could die between two of
        them, whoever goes on would leave out what the others should have begun.
        """
        # The saver's own lock: its synchronous methods run in threads, on one connection.
        with self.lock:
            self.setup()
            with closing(self.conn.cursor()) as cursor:
                if transaction:
                    cursor.execute("BEGIN IMMEDIATE")
                try:
                    if transaction:
                        self._database.guard(partial(execute, self.conn))
                    yield cursor
                except BaseException:
                    self.conn.rollback()
                    raise
                self.conn.commit()

    def get_next_version(self, current: str | None, channel: None) -> str:
        """Count versions of a channel, as texts that sort as their numbers do."""
        # The library's have 50 characters, and a checkpoint holds a hundred: two thirds of its size.
        return f"{int(current or 0) + 1:06}"

    async def close(self) -> None:
        """Close the connection, after what was begun: closing one that another thread uses ends the process."""
        await asyncio.shield(self._database.alone(lambda _: self.conn.close()))

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the newest checkpoint of a thread and namespace, or the one that is named."""
        return await self._alone(partial(self.get_tuple, config))

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint."""
        return await self._alone(partial(self.put, config, checkpoint, metadata, new_versions))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote."""
        await self._alone(partial(self.put_writes, config, writes, task_id, task_path))

    async def forget(self, run: str, namespaces: Collection[str]) -> None:
        """Delete all but the newest checkpoint of each live namespace of a run."""
        await self._alone(partial(self._forget, run, namespaces))

    async def _alone(self, work: Callable[[], T]) -> T:
        def waiting(busy_ms: int) -> T:
            if busy_ms != self._busy_ms:
                self.conn.execute(f"PRAGMA busy_timeout={busy_ms}")
                self._busy_ms = busy_ms
            return work()

        return await self._database.alone(waiting)

    def _forget(self, run: str, namespaces: Collection[str]) -> None:
        marks = ", ".join("?" for _ in namespaces)
        live = f"thread_id = ? and checkpoint_ns in ({marks})"
        keep = f"(checkpoint_ns, checkpoint_id) in ({_NEWEST.format(live=live)})"
        arguments = [run, run, *namespaces]
        with self.cursor() as cursor:
            for table in ("writes", "checkpoints"):
                cursor.execute(f"delete from {table} where thread_id = ? and not {keep}", arguments)  # noqa: S608
