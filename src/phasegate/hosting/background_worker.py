"""Workers that live, and the one that outlives the terminal."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from phasegate.app.app import App
from phasegate.core import new_id
from phasegate.core.files import open_owned
from phasegate.ledger import Run, RunStatus
from phasegate.workflow.engine import lease as leases
from phasegate.workflow.engine.lease import Lease

LOG = "worker.log"


async def living(app: App) -> list[Lease]:
    """Leases of the workers that seem to live, the oldest first."""
    return [lease for lease in await app.database.read(leases.read_leases) if lease.live]


async def has_worker(app: App) -> bool:
    """Whether a worker of this repository lives, so that a decision is followed up at once."""
    return bool(await living(app))


async def is_unattended(app: App, run: Run) -> bool:
    """Whether a run would work if a worker lived."""
    return run.status is RunStatus.working and not await has_worker(app)


async def unattended(app: App) -> list[Run]:
    """Runs that would work if a worker lived, the newest first."""
    return [] if await has_worker(app) else await app.ledger.runs(status=RunStatus.working)


def nobody_works(runs: Sequence[Run]) -> str:
    """Say in a sentence that nobody works on these runs."""
    which = f"run {runs[0].id}" if len(runs) == 1 else f"{len(runs)} runs, such as {runs[0].id}"
    return f"Nobody works on {which}: start 'phasegate worker', or 'phasegate run --resume {runs[0].id}'"


async def detach(app: App) -> int | None:
    """Starts a worker that outlives this terminal.

    The role is claimed before the process starts, so that of many who ask at once one starts it.

    Returns:
        Its process id; None where one stands already.
    """
    executor = f"{os.getpid()}-{new_id()}"
    if not await app.database.write(_claim, executor):
        return None
    process = _start(app.folder.path, app.state / LOG, executor)
    await app.database.write(leases.hand_over, executor, process)
    return process


def _start(folder: Path, log: Path, executor: str) -> int:
    with open_owned(log, "a") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "phasegate.cli", "worker", "--lease", executor],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    return process.pid


def _claim(connection: sa.Connection, executor: str) -> bool:
    leases.begin(connection, executor, beat=0)
    if leases.claim_role(connection, executor, leases.STANDING):
        return True
    leases.end(connection, executor)
    return False
