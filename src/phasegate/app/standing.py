"""Workers that live on this machine, and the one that outlives the terminal."""

import subprocess
import sys
from pathlib import Path
from typing import TextIO

from phasegate.workflow.liveness import is_dead, lock

STANDING = "standing"
LOG = "worker.log"


def attended(state: Path) -> bool:
    """Whether a worker of this repository lives, so that a decision is followed up at once."""
    folder = state / "workers"
    return folder.is_dir() and any(not is_dead(folder, file.name) for file in folder.iterdir())


def stand(state: Path) -> TextIO | None:
    """Has this process be the standing worker until it ends; None where another one is."""
    return lock(state / "workers", STANDING)


def detach(repository: Path, state: Path) -> int | None:
    """Starts a worker that outlives this terminal.

    Returns:
        Its process id; None where one stands already.
    """
    folder = state / "workers"
    folder.mkdir(parents=True, exist_ok=True)
    if not is_dead(folder, STANDING):
        return None
    with (state / LOG).open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "phasegate.cli", "worker"],
            cwd=repository,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return process.pid
