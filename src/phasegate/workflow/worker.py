"""A worker: takes segments from the queue, one at a time of each run, and takes over those of workers that died."""

import asyncio
import fcntl
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import TextIO

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

from phasegate.core import Held, PhasegateError, new_id
from phasegate.ledger import Ledger, RunStatus
from phasegate.store.database import sync_engine
from phasegate.workflow.queue import ADVANCE, VERSION, Queue
from phasegate.workflow.segment import Segments

RECOVERY_SECONDS = 2.0
_log = logging.getLogger("phasegate.worker")

Parts = Callable[[], AbstractAsyncContextManager[Segments]]


class Worker:
    """One process's worker; there is at most one in a process."""

    def __init__(self, database: Path, parts: Parts) -> None:
        """Prepares it.

        Args:
            database: the workspace's database file.
            parts: builds what segments need, on the loop that they run on.
        """
        self._database = database
        self._locks = database.parent / "workers"
        self._parts = parts
        self._stack = AsyncExitStack()
        self._segments: Segments | None = None
        self._building = threading.Lock()
        self._stopped = threading.Event()
        self.executor = f"{os.getpid()}-{new_id()}"

    def start(self) -> None:
        """Begins to take segments."""
        self._lock = lock(self._locks, self.executor)
        if self._lock is None:
            raise Held(f"worker '{self.executor}' runs already", fix="start it again")
        self._queue = Queue(self._database)
        engine = sync_engine(self._database)
        config: DBOSConfig = {
            "name": "phasegate",
            "system_database_url": f"sqlite:///{self._database}",
            "system_database_engine": engine,
            "application_version": VERSION,
            "executor_id": self.executor,
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "ERROR",
            "use_listen_notify": False,
            "enable_otlp": False,
        }
        DBOS(config=config)
        DBOS.workflow(name=ADVANCE)(self._advance)
        DBOS.launch()
        self._watch = threading.Thread(target=self._recover, name="recovery", daemon=True)
        self._watch.start()

    def stop(self, patience: int = 0) -> None:
        """Stops taking segments; one that works has `patience` seconds, and is taken up again at the next start."""
        self._stopped.set()
        self._watch.join()
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=patience)
        self._queue.close()
        if self._lock:
            self._lock.close()
            Path(self._lock.name).unlink(missing_ok=True)

    async def _advance(self, run_id: str) -> str:
        segments = await self._ready()
        return (await guarded(segments, run_id, self._queue)).value

    async def _ready(self) -> Segments:
        if self._segments is None:
            self._segments = await self._stack.enter_async_context(self._parts())
        return self._segments

    def _recover(self) -> None:
        while True:
            dead = [name for name in self._queue.executors() if name != self.executor and is_dead(self._locks, name)]
            if dead:
                DBOS._recover_pending_workflows(dead)
            if self._stopped.wait(RECOVERY_SECONDS):
                return


async def guarded(segments: Segments, run_id: str, queue: Queue) -> RunStatus:
    """Advances the run; whatever fails parks it for a person, and nothing is lost."""
    try:
        status = await segments.advance(run_id)
    except PhasegateError as error:
        await park(segments.ledger, run_id, str(error), error.fix)
        status = RunStatus.parked
    except Exception as error:
        _log.exception("segment failed", extra={"action": "park", "run": run_id})
        await park(segments.ledger, run_id, f"{type(error).__name__}: {error}", "see .phasegate/worker.log")
        status = RunStatus.parked
    run = await segments.ledger.run(run_id)
    await asyncio.to_thread(queue.forget, run_id, run.segments - 1)
    return status


async def park(ledger: Ledger, run_id: str, message: str, fix: str) -> None:
    """Has the run stand until a person sends it on."""
    run = await ledger.run(run_id)
    note = f"{message}\n{fix}" if fix else message
    event = (f"parked:{run.segments}", {"why": message, "fix": fix})
    await ledger.set_status(run_id, RunStatus.parked, note, event)


def lock(folder: Path, executor: str) -> TextIO | None:
    """Takes the worker's liveness lock, which the kernel drops when its process dies; None where it is held."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / executor).open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def is_dead(folder: Path, executor: str) -> bool:
    """Whether nobody holds that worker's lock any more."""
    held = lock(folder, executor)
    if held is None:
        return False
    held.close()
    return True


Advance = Callable[[str], Awaitable[str]]
