"""The queue of segments: rows in the same database, enqueued in the same transaction as what they follow from."""

import asyncio
from collections.abc import Sequence
from typing import Any, Self

import sqlalchemy as sa
from dbos import DBOSClient, EnqueueOptions

from phasegate.store import Store
from phasegate.workflow.engine.queue_rows import SERIALIZER, ForeignRow, forbid_pickle, foreign_rows

QUEUE = "segments"
ADVANCE = "advance"
VERSION = "1"
"""Of the queue's rows, not of Phasegate: the library never takes up rows of another version."""
LIMIT = 2
"""Segments that a worker works on at a time, where nothing else is set."""

_LISTED = sa.text(
    "select workflow_uuid, executor_id from workflow_status where queue_name = :queue and status = :status"
)
_WAITS = sa.text("select 1 from workflow_status where queue_name = :queue and status = 'ENQUEUED' limit 1")


class Queue:
    """Queue of segments, which runs nothing itself."""

    def __init__(self, store: Store) -> None:
        forbid_pickle()
        self._engine = store.queue_engine()
        try:
            with store.errors():
                self._client = _client(self._engine)
        except BaseException:
            self._engine.dispose()
            raise

    @classmethod
    async def open(cls, store: Store) -> Self:
        """Opens it beside the loop, which its library's synchronous calls would hold up.

        Raises:
            Exhausted: the database cannot be used.
        """
        return await asyncio.to_thread(cls, store)

    def dispatch(self, connection: sa.Connection, run_id: str, number: int) -> None:
        """Enqueue segment `number` of a run in the caller's transaction, where a run's segments run one at a time."""
        options: EnqueueOptions = {
            "workflow_name": ADVANCE,
            "queue_name": QUEUE,
            # One partition a run with a concurrency of one: two segments of a run never work at the same time.
            "queue_partition_key": run_id,
            # The library takes an id once, so that dispatching a segment again after a crash adds none.
            "workflow_id": f"{run_id}:{number}",
            "app_version": VERSION,
        }
        self._client.enqueue_in_transaction(connection, options, run_id)

    def held(self) -> dict[str, str]:
        """By segment, `RUN:NUMBER`, the worker that holds it."""
        return {str(row.workflow_uuid): str(row.executor_id) for row in self._listed("PENDING")}

    def holder(self, run_id: str) -> str | None:
        """The worker that holds the run's segment, or None."""
        return next((by for name, by in self.held().items() if run_of(name) == run_id), None)

    def goes_on(self, run_id: str) -> bool:
        """Return whether a segment of the run waits to be taken or is held."""
        rows = [*self._listed("ENQUEUED"), *self._listed("PENDING")]
        return any(run_of(row.workflow_uuid) == run_id for row in rows)

    def any_waits(self) -> bool:
        """Return whether any segment waits to be taken."""
        with self._engine.connect() as connection:
            return connection.execute(_WAITS, {"queue": QUEUE}).first() is not None

    def send_on(self, segment: str, executor: str) -> bool:
        """Put a held segment back into the queue, or return False where this worker does not hold it any more."""
        # Private in the library, whose public recovery covers a process's own rows alone and waits for its next start.
        return self._client._sys_db.reenqueue_for_recovery(segment, [executor], QUEUE)

    def forget(self, run_id: str, upto: int) -> None:
        """Deletes the rows of a run's segments that have ended, up to a number."""
        ended = self._client.list_workflows(
            # Inputs and outputs are left unread: what somebody wrote into a row is not deserialized to delete it.
            workflow_id_prefix=f"{run_id}:",
            status=["SUCCESS", "ERROR"],
            load_input=False,
            load_output=False,
        )
        old = [row.workflow_id for row in ended if int(row.workflow_id.rpartition(":")[2]) <= upto]
        if old:
            self._client.delete_workflows(old)

    def foreign(self) -> list[ForeignRow]:
        """Rows that `dispatch` did not write so."""
        with self._engine.connect() as connection:
            return foreign_rows(connection, ADVANCE)

    def delete(self, row: ForeignRow) -> None:
        """Deletes a row."""
        self._client.delete_workflows([row.id])

    def close(self) -> None:
        """Closes its connections."""
        self._client.destroy()
        self._engine.dispose()

    def _listed(self, status: str) -> Sequence[Any]:
        with self._engine.connect() as connection:
            return connection.execute(_LISTED, {"queue": QUEUE, "status": status}).all()


def run_of(segment: str) -> str:
    """Name the run of a segment."""
    return segment.rpartition(":")[0]


def _client(engine: sa.Engine) -> DBOSClient:
    new = not sa.inspect(engine).has_table("queues")
    client = DBOSClient(system_database_engine=engine, serializer=SERIALIZER, application_name="phasegate")
    if new:
        client._sys_db.run_migrations()
    client.register_queue(QUEUE, partition_concurrency=1, on_conflict="never_update")
    return client
