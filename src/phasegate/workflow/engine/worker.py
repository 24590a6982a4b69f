"""A worker: takes segments from the queue, and takes over those of workers that died or fell silent."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path

from dbos import DBOS, DBOSConfig

from phasegate.core import Gone, Lost, PhasegateError, SystemClock, new_id
from phasegate.ledger import Ledger, PrivateKey, RunStatus
from phasegate.store import Store
from phasegate.workflow.engine.guarding import Trouble, parked, patiently
from phasegate.workflow.engine.latest_parts import LatestParts, Parts
from phasegate.workflow.engine.lease import Fence
from phasegate.workflow.engine.lease_keeper import LeaseKeeper
from phasegate.workflow.engine.queue import ADVANCE, VERSION, Queue
from phasegate.workflow.engine.queue_rows import SERIALIZER
from phasegate.workflow.engine.queue_taker import QueueTaker

_log = logging.getLogger("phasegate.worker")


class Worker:
    """The worker of a process, at most one."""

    def __init__(
        self,
        store: Store,
        parts: Parts,
        system: PrivateKey,
        *,
        work_tree: Path,
        limit: int = 0,
        executor: str = "",
        version: Callable[[], str] = str,
    ) -> None:
        """Prepares it.

        Args:
            store: the workspace's database.
            parts: builds what segments need, on the loop that they run on; what it writes is to be fenced.
            system: signs what is recorded where the parts cannot be built.
            work_tree: the folder that it was started for; without it, it ends.
            limit: how many segments it works on at a time; 0: as many as this process may use cores.
            executor: its name, where whoever started it has begun its lease already.
            version: of what the parts are built from; another one has them built anew for segments that begin then.
        """
        self._store = store
        self._work_tree = work_tree
        self._system = system
        self._limit = limit or cores()
        self._handed = bool(executor)
        self._at_work: set[str] = set()
        self.executor = executor or f"{os.getpid()}-{new_id()}"
        self.fence = Fence(executor=self.executor)
        self._parts = LatestParts(parts, self.fence, version)
        self.trouble = Trouble()
        self.ended: Future[PhasegateError] = Future()
        """Done when the worker must end: its lease was lost, or its files are gone."""

    def start(self, first: str = "") -> None:
        """Begin to take segments.

        Args:
            first: a run that is taken before others.

        Raises:
            Lost: the lease that was begun for it is gone.
            Exhausted: the database cannot be used.
        """
        self._queue = Queue(self._store)
        self._engine = self._store.queue_engine()
        self._keeper = LeaseKeeper(
            executor=self.executor,
            store=self._store,
            work_tree=self._work_tree,
            queue=self._queue,
            at_work=self._at_work,
            system=self._system,
            lost=self._end,
        )
        self._keeper.claim(handed=self._handed)
        self._taker = self._launched()
        self._taker.first = first
        self._keeper.start()
        self._taker.start()

    def stop(self, patience: int = 0) -> None:
        """Stop taking segments, give a working one `patience` seconds, and hand it back for others."""
        # The taker before the library: a segment that it took while the loop closes would be a coroutine that nobody
        # awaits, and Python writes a RuntimeWarning of that on the terminal.
        self._taker.stop()
        self._keeper.stop()
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=patience)
        with suppress(Exception):  # the database may be gone or full: others see that this process has ended
            self._keeper.release()
        self._keeper.close()
        self._queue.close()
        self._engine.dispose()

    def gone(self) -> Gone | None:
        """Return what happened to the files that it works in, where anything did."""
        return self._keeper.gone()

    def behind(self, error: Exception) -> Gone | None:
        """Return what happened to these files, where a failure may have come of that."""
        return self._keeper.behind(error)

    def _launched(self) -> QueueTaker:
        config: DBOSConfig = {
            "name": "phasegate",
            "system_database_engine": self._engine,
            "application_version": VERSION,
            "executor_id": self.executor,
            "serializer": SERIALIZER,
            "log_level": "ERROR",
            "use_listen_notify": False,
            "enable_otlp": False,
        }
        library = DBOS(config=config)
        # By default the library gives a workflow up after 100 recoveries. A run that fails parks by itself, and a
        # person may send it on as often as they like.
        DBOS.workflow(name=ADVANCE, max_recovery_attempts=None)(_function(self._advance))
        DBOS.listen_queues([])  # ours is taken from here
        DBOS.launch()
        for event in (library._background_jobs_stop_event, *library.background_thread_stop_events):
            event.set()  # the library's own polls, of queues, delays and deadlines that are not used here
        return QueueTaker(
            library=library,
            executor=self.executor,
            store=self._store,
            queue=self._queue,
            limit=self._limit,
            at_work=self._at_work,
        )

    def _end(self, error: PhasegateError) -> None:
        if not self.ended.done():
            self.ended.set_result(error)

    async def _advance(self, run_id: str) -> str:
        self._at_work.add(run_id)
        try:
            status = await patiently(partial(self._advanced, run_id), partial(self._park, run_id), self.trouble)
        except (Lost, Gone) as error:
            self._end(error)
            await asyncio.Event().wait()  # until the process ends; to return would write what came of the segment
            raise
        finally:
            self._at_work.discard(run_id)
        await self._forget(DBOS.workflow_id or "")
        return status.value

    async def _advanced(self, run_id: str) -> RunStatus:
        async with self._parts.use() as segments:
            return await segments.advance(run_id)

    async def _park(self, run_id: str, error: Exception) -> None:
        """Parks the run without the parts, which may be what failed.

        Raises:
            Gone: the files are not there any more; open ones still take writes, which nobody would ever read.
        """
        gone = await asyncio.to_thread(self.behind, error)
        if gone:
            raise gone from error
        database = await self._store.open(self.fence)
        try:
            ledger = Ledger(database, SystemClock(), self._system, self._queue.dispatch)
            await parked(ledger, run_id, error)
        finally:
            await database.close()

    async def _forget(self, segment: str) -> None:
        """Delete the rows of earlier segments, or leave them for the next one where that fails."""
        run, _, number = segment.rpartition(":")
        try:
            await asyncio.to_thread(self._queue.forget, run, int(number) - 1)
        except Exception as error:
            _log.warning("rows of run %s are left: %s", run, error, extra={"action": "forget", "run": run})


def cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def _function(advance: Callable[[str], Awaitable[str]]) -> Callable[[str], Awaitable[str]]:
    """A plain function: the queue's library marks what it registers, and a method takes no marks."""

    async def function(run_id: str) -> str:
        return await advance(run_id)

    return function
