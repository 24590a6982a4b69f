"""`python -m crash.worker FOLDER STOPS`: a worker in a process of its own, until SIGTERM or worse."""

import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from crash.fixtures import SYSTEM, Watched, marks, team
from phasegate.core import Missing
from phasegate.store.sqlite import SqliteStore
from phasegate.workflow.engine import Fence, Segments, Worker
from unit.workflow.fixtures import engine


def main(folder: Path, stops: int) -> None:
    """Takes segments; with a negative number of stops its parts cannot be built."""
    found = marks(folder, stops)

    @asynccontextmanager
    async def parts(fence: Fence) -> AsyncIterator[Segments]:
        if stops < 0:
            raise Missing("there is no sandbox", fix="install bubblewrap")
        async with engine(team(folder, found), fence) as built:
            yield Watched(**vars(built.segments), found=found)

    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    worker = Worker(SqliteStore(folder / ".phasegate" / "phasegate.db"), parts, SYSTEM, work_tree=folder, limit=100)
    worker.start()
    print(worker.executor, flush=True)
    worker.ended.add_done_callback(lambda _: ended.set())
    ended.wait()
    if worker.ended.done():
        print(worker.ended.result(), flush=True)
        time.sleep(2)  # the command ends at once; here what wakes up is given the time to write, where it can
        os._exit(worker.ended.result().exit_code)  # as the command does: what is suspended in a segment never returns
    worker.stop()
    print("stopped", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
