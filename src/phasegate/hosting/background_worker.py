"""The worker that outlives the terminal."""

import os
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa

from phasegate.app.app import App
from phasegate.core import new_id
from phasegate.core.files import open_owned
from phasegate.workflow.engine import lease as leases

LOG = "worker.log"


async def detach(app: App) -> int | None:
    """Start a worker that outlives this terminal.

    The role is claimed before the process starts, so that of many who ask at once one starts it.

    Returns:
        Its process id; None where one stands already.
    """
    executor = f"{os.getpid()}-{new_id()}"
    if not await app.database.write(_claim, executor):
        return None
    process = _start(app.folder.path, app.state / LOG, executor)
    # The lease named this process until now, so that one that dies before the start leaves a lease that ends with it.
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
            # Its own session, so that the terminal's Ctrl-C and hang-up do not reach it.
            start_new_session=True,
        )
    return process.pid


def _claim(connection: sa.Connection, executor: str) -> bool:
    # No beat yet: the process has to load its libraries first, and gets the longer time of a lease that never beat.
    leases.begin(connection, executor, beat=0)
    if leases.claim_role(connection, executor, leases.STANDING):
        return True
    leases.end(connection, executor)
    return False
