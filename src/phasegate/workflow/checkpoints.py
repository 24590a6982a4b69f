"""LangGraph's checkpoints: the saver, and what of them can go."""

from collections.abc import Collection

import aiosqlite
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

_NEWEST = "select checkpoint_ns, max(checkpoint_id) from checkpoints where {live} group by checkpoint_ns"


def saver_on(connection: aiosqlite.Connection) -> AsyncSqliteSaver:
    """A saver that loads plain data alone: a checkpoint cannot make it run code."""
    return AsyncSqliteSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))


async def prune(connection: aiosqlite.Connection, run: str, namespaces: Collection[str]) -> None:
    """Deletes what a parked run does not need: all but the newest checkpoint of each live namespace.

    Without it a run's checkpoints grow to 127 KB by its last gate.

    Args:
        connection: the saver's own.
        run: whose.
        namespaces: those that are live: the top one `""`, and that of the phase that waits.
    """
    marks = ", ".join("?" for _ in namespaces)
    live = f"thread_id = ? and checkpoint_ns in ({marks})"
    keep = f"(checkpoint_ns, checkpoint_id) in ({_NEWEST.format(live=live)})"
    arguments = [run, run, *namespaces]
    for table in ("writes", "checkpoints"):
        await connection.execute(f"delete from {table} where thread_id = ? and not {keep}", arguments)  # noqa: S608
    await connection.commit()
