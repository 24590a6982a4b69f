"""Takes waiting segments off the queue, as many as there is room for."""

import logging
import threading
import time
from collections.abc import Collection
from typing import Any

from dbos import DBOS
from dbos._core import execute_dequeued_workflow
from dbos._utils import generate_uuid

from phasegate.store import Store
from phasegate.workflow.engine.queue import QUEUE, VERSION, Queue, run_of

TICK_SECONDS = 0.15
"""How often it is asked whether anything was written at all."""
PATIENCE_SECONDS = 5.0
"""How often it is looked what waits though nothing was written."""
_log = logging.getLogger("phasegate.worker")


class QueueTaker(threading.Thread):
    """Looks for waiting segments whenever something was written to the database, and starts them.

    The library's own thread would poll the queue several times as often, or be slow to follow a decision, and takes all
    that waits of the runs that others attend.
    """

    def __init__(
        self,
        *,
        library: DBOS,
        executor: str,
        store: Store,
        queue: Queue,
        limit: int,
        at_work: Collection[str],
    ) -> None:
        """Prepares it.

        Args:
            library: the queue's, launched.
            executor: the worker that takes.
            store: tells of what was written.
            queue: where segments wait.
            limit: how many segments the worker works on at a time.
            at_work: the runs that it works on.
        """
        super().__init__(name="taker", daemon=True)
        self._library = library
        self._executor = executor
        self._changes = store.changes()
        self._queue = queue
        self._limit = limit
        self._at_work = at_work
        self._stopped = threading.Event()
        self.first = ""
        """A run that is taken whatever the limit, and before others."""

    def run(self) -> None:
        """Look until stopped."""
        looked = 0.0
        while not self._stopped.wait(TICK_SECONDS):
            try:
                if self._changes.any() or time.monotonic() - looked > PATIENCE_SECONDS:
                    looked = time.monotonic()
                    if self._queue.any_waits():
                        self._take()
            except Exception as error:
                _log.warning("taking segments failed: %s", error, extra={"action": "take"})
                self._stopped.wait(1)
        self._changes.close()

    def stop(self) -> None:
        """Take nothing more, and wait until what was taken has been started."""
        self._stopped.set()
        self.join()

    def _take(self) -> None:
        store: Any = self._library._sys_db
        queue, token = store.get_queue(QUEUE), generate_uuid()
        taken: list[str] = []
        if self.first and self.first not in self._at_work:
            taken, _ = store.start_queued_workflows(
                queue, self._executor, VERSION, self.first, owner_xid=token, is_latest_version=True
            )
        room = self._limit - len(self._at_work) - len(taken)
        if room > 0:
            taken += store.start_queued_partitioned_workflows(
                queue, self._executor, VERSION, room, owner_xid=token, is_latest_version=True
            )
        for status in store.get_workflow_statuses(taken):
            self._start(status, token)

    def _start(self, status: Any, token: str) -> None:
        try:
            execute_dequeued_workflow(self._library, status, token)
        except Exception:
            run = run_of(status["workflow_uuid"])
            _log.exception("a segment cannot be started", extra={"action": "take", "run": run})
