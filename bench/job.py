"""The main job, from spec to installed wheel, against its own sandboxed tests and package builds."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from bench.measure import Row
from bench.testing import generated
from phasegate.core import SystemClock
from phasegate.ledger import Event, Ledger, unlock_key
from phasegate.store.sqlite import SqliteStore

BAR = 2.0


async def job() -> list[Row]:
    """Runs the demonstration in a process of its own, and reads from its events what tests and builds took."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "phasegate.cli", "demo", folder + "/demo"],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        whole = time.perf_counter() - began
        if process.returncode:
            raise RuntimeError(output.decode()[-300:])
        rows = await generated(Path(folder) / "demo")
        own = sum(_seconds(event) for event in await _events(_database(Path(folder))))
    against = f"{own:.1f} s of its own tests and builds"
    return [*rows, Row(what="main job", measured=f"{whole:.1f} s", against=against, ratio=whole / own, bar=BAR)]


async def _events(path: Path) -> list[Event]:
    database = await SqliteStore(path).open()
    try:
        # Events are read only where the key that signed them is known, which lies beside the database.
        ledger = Ledger(database, SystemClock(), unlock_key(path.with_name("system.key"), None))
        return [event for run in await ledger.runs() for event in await ledger.events(run.id)]
    finally:
        await database.close()


def _seconds(event: Event) -> float:
    """What an event tells of running tests in the sandbox, or of building; reviews run beside the tests."""
    tests = event.kind == "check" and event.place[-1] == "tests-pass"
    builds = event.key.startswith("draft:release/")
    return float(event.body.get("s", 0)) if tests or builds else 0.0


def _database(folder: Path) -> Path:
    return next(folder.rglob(".git/phasegate/phasegate.db"))
