"""A repository's worker, which loads LangGraph when the first segment is taken."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from phasegate.app.app import App, open_app
from phasegate.app.opening import require_locks, require_open_files
from phasegate.core import PhasegateError
from phasegate.workflow.engine.lease import Fence
from phasegate.workflow.engine.worker import Worker

if TYPE_CHECKING:
    from phasegate.workflow.engine.segment import Segments


def worker_of(app: App, executor: str = "") -> Worker:
    """Make a worker for the app's repository, with parts of its own.

    Args:
        app: where.
        executor: its name, where its lease was begun already.

    Raises:
        Exhausted: The file system has no locks, or the process may have too few files open.
    """
    require_open_files()
    require_locks(app.state)

    @asynccontextmanager
    async def parts(fence: Fence) -> "AsyncIterator[Segments]":
        from phasegate.hosting.engine import engine

        async with (
            open_app(app.folder.path, clock=app.clock, guard=fence, roles=app.roles) as own,
            engine(own) as built,
        ):
            yield built

    return Worker(
        app.database.store,
        parts,
        app.keeper.system,
        work_tree=app.folder.path,
        limit=app.config.work.concurrency,
        executor=executor,
    )


PATIENCE_SECONDS = 5.0
"""How long a person who attends a run waits for storage before they are told."""


@asynccontextmanager
async def ending_with(worker: Worker, run_id: str = "") -> AsyncIterator[None]:
    """Stop what is done inside once the worker must end.

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
        body.uncancel()
        raise watching.result() from None
    finally:
        watching.cancel()


async def _end_of(worker: Worker, run_id: str) -> PhasegateError:
    while not worker.ended.done():
        refused = worker.trouble.lasts(PATIENCE_SECONDS) if run_id else None
        if refused:
            return type(refused)(str(refused), fix=refused.fix.replace("RUN", run_id))
        await asyncio.sleep(0.25)
    return worker.ended.result()
