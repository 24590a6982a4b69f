"""A worker: takes segments from the queue, one at a time of each run, and takes over those of workers that died."""

import asyncio
import gc
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from dbos import DBOS, DBOSConfig

from phasegate.core import Held, PhasegateError, SystemClock, UsageError, new_id
from phasegate.ledger import Ledger, PrivateKey, RunStatus
from phasegate.store import Database
from phasegate.store.database import queue_engine
from phasegate.workflow.liveness import lock
from phasegate.workflow.queue import ADVANCE, VERSION, Queue
from phasegate.workflow.queue_rows import SERIALIZER, ForeignRow
from phasegate.workflow.segment import Segments

RECOVERY_SECONDS = 2.0
LOG = "see .phasegate/worker.log"
_log = logging.getLogger("phasegate.worker")

Parts = Callable[[], AbstractAsyncContextManager[Segments]]


class Worker:
    """One process's worker; there is at most one in a process."""

    def __init__(self, database: Path, parts: Parts, system: PrivateKey) -> None:
        """Prepares it.

        Args:
            database: the workspace's database file.
            parts: builds what segments need, on the loop that they run on.
            system: signs what is recorded where the parts cannot be built.
        """
        self._database = database
        self._locks = database.parent / "workers"
        self._parts = parts
        self._system = system
        self._segments: asyncio.Future[Segments] | None = None
        self._stopped = threading.Event()
        self.executor = f"{os.getpid()}-{new_id()}"

    def start(self) -> None:
        """Begins to take segments."""
        self._lock = lock(self._locks, self.executor)
        if self._lock is None:
            raise Held(f"worker '{self.executor}' runs already", fix="start it again")
        self._queue = Queue(self._database)
        self._engine = queue_engine(self._database)
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
        DBOS(config=config)
        DBOS.workflow(name=ADVANCE)(_function(self._advance))
        DBOS.launch()
        self._watch = threading.Thread(target=self._recover, name="recovery", daemon=True)
        self._watch.start()

    def stop(self, patience: int = 0) -> None:
        """Stops taking segments; one that works has `patience` seconds, and is taken up again at the next start."""
        self._stopped.set()
        self._watch.join()
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=patience)
        self._queue.close()
        self._engine.dispose()
        if self._lock:
            self._lock.close()
            Path(self._lock.name).unlink(missing_ok=True)

    async def _advance(self, run_id: str) -> str:
        try:
            segments = await self._ready()
        except Exception as error:
            _log.exception("the worker's parts cannot be built", extra={"action": "park", "run": run_id})
            return (await self._unready(run_id, error)).value
        return (await guarded(segments, run_id, self._queue)).value

    async def _ready(self) -> Segments:
        """The parts, built once for all segments; a failure is tried again by the next."""
        if self._segments is None or (self._segments.done() and self._segments.exception()):
            self._segments = asyncio.get_running_loop().create_future()
            self._holder = asyncio.create_task(self._hold(self._segments))
        return await asyncio.shield(self._segments)

    async def _hold(self, built: asyncio.Future[Segments]) -> None:
        """Keeps the parts until the loop ends, which cancels this, and closes them there."""
        try:
            async with self._parts() as segments:
                gc.freeze()  # what is loaded by now stays: looking through all of it takes 0.1 s each time
                built.set_result(segments)
                await asyncio.Event().wait()
        except Exception as error:
            built.set_exception(error)

    async def _unready(self, run_id: str, error: Exception) -> RunStatus:
        database = await Database.open(self._database)
        try:
            fix = error.fix if isinstance(error, PhasegateError) else LOG
            await park(Ledger(database, SystemClock(), self._system), run_id, str(error), fix)
        finally:
            await database.close()
        return RunStatus.parked

    def _recover(self) -> None:
        self._look()
        while not self._stopped.wait(RECOVERY_SECONDS):
            self._look()

    def _look(self) -> None:
        try:
            asyncio.run(refuse_foreign(self._database, self._system, self._queue))
            for name in self._queue.executors() - {self.executor}:
                self._take_over(name)
        except Exception:
            _log.exception("looking for dead workers failed", extra={"action": "recover"})

    def _take_over(self, executor: str) -> None:
        """Holds the dead worker's lock meanwhile, so that two who see it dead do not both send its segments on."""
        held = lock(self._locks, executor)
        if held is not None:
            with held:
                DBOS._recover_pending_workflows([executor])
                Path(held.name).unlink(missing_ok=True)


def _function(advance: Callable[[str], Awaitable[str]]) -> Callable[[str], Awaitable[str]]:
    """A plain function: the queue's library marks what it registers, and a method takes no marks."""

    async def function(run_id: str) -> str:
        return await advance(run_id)

    return function


async def guarded(segments: Segments, run_id: str, queue: Queue) -> RunStatus:
    """Advances the run; whatever fails parks it for a person, and nothing is lost."""
    try:
        status = await segments.advance(run_id)
    except PhasegateError as error:
        await park(segments.ledger, run_id, str(error), error.fix)
        status = RunStatus.parked
    except Exception as error:
        _log.exception("segment failed", extra={"action": "park", "run": run_id})
        await park(segments.ledger, run_id, f"{type(error).__name__}: {error}", LOG)
        status = RunStatus.parked
    run = await segments.ledger.run(run_id)
    await asyncio.to_thread(queue.forget, run_id, run.segments - 1)
    return status


async def refuse_foreign(path: Path, system: PrivateKey, queue: Queue) -> None:
    """Parks the runs whose rows in the queue somebody else wrote, and deletes those rows.

    The run goes on from its last checkpoint when a person resumes it: a row holds nothing but the run's name.
    """
    rows = await asyncio.to_thread(queue.foreign)
    if not rows:
        return
    database = await Database.open(path)
    try:
        for row in rows:
            await _park_foreign(Ledger(database, SystemClock(), system), row)
            await asyncio.to_thread(queue.delete, row)
    finally:
        await database.close()


async def _park_foreign(ledger: Ledger, row: ForeignRow) -> None:
    message = f"the queue's row '{row.id}' was changed (serializer {row.serializer}); it was refused, and nothing ran"
    _log.error(message, extra={"action": "refuse", "run": row.run})
    try:
        run = await ledger.run(row.run)
    except UsageError:
        return
    if run.id == row.run and not run.status.ended:
        fix = f"find out who writes the database, then go on: 'phasegate run --resume {run.id}'"
        await park(ledger, run.id, message, fix)


async def park(ledger: Ledger, run_id: str, message: str, fix: str) -> None:
    """Has the run stand until a person sends it on."""
    run = await ledger.run(run_id)
    note = f"{message}\n{fix}" if fix else message
    event = (f"parked:{run.segments}", {"why": message, "fix": fix})
    await ledger.set_status(run_id, RunStatus.parked, note, event)
