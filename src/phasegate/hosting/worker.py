"""A repository's worker, which loads LangGraph when the first segment is taken."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from phasegate.app import App, open_app
from phasegate.core import Exhausted, PhasegateError
from phasegate.core.locks import try_lock_file
from phasegate.workflow.engine.lease import Fence
from phasegate.workflow.engine.worker import Worker

if TYPE_CHECKING:
    from phasegate.workflow.engine.segment import Segments

# How many open files a worker needs at least, and how many are asked for.
_FILES, _ENOUGH_FILES = 64, 1024


def worker_of(app: App, executor: str = "") -> Worker:
    """Make a worker for the app's repository, with parts of its own.

    Args:
        app: where.
        executor: its name, where its lease was begun already.

    Raises:
        Exhausted: The file system has no locks, or the process may have too few files open.
    """
    require_open_files()
    _require_locks(app.state)

    @asynccontextmanager
    async def parts(fence: Fence) -> "AsyncIterator[Segments]":
        from phasegate.hosting.engine import open_engine

        async with (
            open_app(app.folder.path, clock=app.clock, guard=fence, roles=app.roles) as own,
            open_engine(own) as built,
        ):
            yield built

    return Worker(
        app.database.store,
        parts,
        app.keeper.system,
        work_tree=app.folder.path,
        limit=app.config.work.concurrency,
        executor=executor,
        version=lambda: next(reversed(app.trust.read().digests), ""),
    )


def _require_locks(state: Path) -> None:
    """Refuse to work where files cannot be locked: a release, which publishes under a lock, would fail at its end.

    Raises:
        Exhausted: The file system has no locks.
    """
    lock = try_lock_file(state / ".locks")
    if lock:
        lock.close()


def require_open_files() -> None:
    """Raise the soft limit of open files where needed, and refuse to work where the hard limit is too low.

    Threads and loops that fail to begin would leave others waiting for them.

    Raises:
        Exhausted: This process may have too few files open at a time.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < _FILES:
        raise Exhausted(
            f"this process may have {most} files open at a time, and a worker needs {_FILES}",
            fix=f"allow more open files: ulimit -n {_ENOUGH_FILES}",
        )


PATIENCE_SECONDS = 5.0
"""How long a person who attends a run waits for storage before they are told."""


@asynccontextmanager
async def ending_with(worker: Worker, run_id: str = "") -> AsyncIterator[None]:
    """Stop what is done inside once the worker must end.

    What was done in files that are not there any more is no result, so these are looked at once more at the end.

    Args:
        worker: which one.
        run_id: a run that somebody attends; that nothing can be stored ends it too, as soon as it lasts.

    Raises:
        PhasegateError: why the worker ends.
    """
    body = asyncio.current_task()
    assert body is not None
    watching = asyncio.create_task(_end_of(worker, run_id))
    watching.add_done_callback(lambda task: None if task.cancelled() else body.cancel())
    try:
        yield
    except asyncio.CancelledError:
        if not watching.done() or watching.cancelled():
            raise
        # The cancellation was ours: without this, an enclosing timeout would take it for its own, and the error for
        # nothing.
        body.uncancel()
        raise watching.result() from None
    except Exception as error:
        _refuse_gone(worker, error)
        raise
    else:
        _refuse_gone(worker)
    finally:
        watching.cancel()


def _refuse_gone(worker: Worker, cause: Exception | None = None) -> None:
    gone = worker.behind(cause) if cause else worker.gone()
    if gone:
        raise gone from cause


async def _end_of(worker: Worker, run_id: str) -> PhasegateError:
    while not worker.ended.done():
        refused = worker.trouble.lasts(PATIENCE_SECONDS) if run_id else None
        if refused:
            return type(refused)(str(refused), fix=refused.fix.replace("RUN", run_id))
        await asyncio.sleep(0.25)
    return worker.ended.result()
