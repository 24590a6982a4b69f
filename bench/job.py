"""The main job, from spec to an installed and tried wheel, against the programs that it must run for that."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from bench.measure import Row
from bench.testing import generated
from phasegate.core import SystemClock
from phasegate.ledger import Event, Ledger, unlock_key
from phasegate.ledger.events import CheckReported, Drafted, EffectDone, ReviewReported
from phasegate.store.sqlite import SqliteStore

BAR = 2.0


async def job() -> list[Row]:
    """Run the demonstration in a process of its own, and read from its events what the programs that it runs took."""
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
    against = f"{own:.1f} s of tests, builds, installation and trial"
    return [*rows, Row(what="main job", measured=f"{whole:.1f} s", against=against, ratio=whole / own, bar=BAR)]


async def _events(path: Path) -> list[Event]:
    database = await SqliteStore(path).open()
    try:
        # Events are read only where the key that signed them is known, which lies beside the database.
        ledger = Ledger(database, SystemClock(), unlock_key(path.with_name("system.key"), None))
        return [entry.event for run in await ledger.runs() for entry in await ledger.events(run.id)]
    finally:
        await database.close()


def _seconds(event: Event) -> float:
    """Return what a step took whose work is that of programs which are not ours."""
    match event:
        case CheckReported(check="tests-pass", seconds=seconds):  # pytest, twice side by side; reviews run beside it
            return seconds
        case Drafted(phase="release", seconds=seconds):  # the package build
            return seconds
        case ReviewReported(phase="release", reviewer="qa-specialist", seconds=seconds):
            return seconds  # the package built again, from the tree with the digests in it
        case EffectDone(effect="install" | "smoke", seconds=seconds):  # venv and pip; the installed command, twice
            return seconds
        case _:
            return 0.0


def _database(folder: Path) -> Path:
    return next(folder.rglob(".git/phasegate/phasegate.db"))
