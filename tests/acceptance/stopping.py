"""A worker that is stopped as soon as it was started, while runs wait for it: FOLDER."""

import asyncio
import gc
import sys
from pathlib import Path

from phasegate.app import open_app
from phasegate.hosting import worker_of
from unit.authors.sample_spec import FOLDER


async def main(folder: Path) -> None:
    async with open_app(folder) as app:
        for _ in range(3):
            await app.start(folder / FOLDER)
        worker = worker_of(app)
        await asyncio.to_thread(worker.start)
        await asyncio.to_thread(worker.stop)
        gc.collect()  # a coroutine that nobody awaited is told as it is thrown away


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
