"""Warnings of a face: runs that nobody works on, files that no run sees, records that do not hold."""

import asyncio
import math
import time
from collections.abc import Sequence
from pathlib import Path

from phasegate.app.app import App
from phasegate.app.config import NAME, Config
from phasegate.ledger import GateHistory, GateKey, Run, RunStatus
from phasegate.trust import ROOTS
from phasegate.workflow.engine import lease as leases
from phasegate.workflow.engine.lease import Lease
from phasegate.workspace import Workspace


async def living(app: App) -> list[Lease]:
    """Return the leases of the workers that seem to live, the oldest first."""
    return [lease for lease in await app.database.read(leases.read_leases) if lease.live]


async def has_worker(app: App) -> bool:
    """Return whether a worker of this repository lives, which follows a decision up at once."""
    return bool(await living(app))


async def is_unattended(app: App, run: Run) -> bool:
    """Return whether a run would work if a worker lived."""
    return run.status is RunStatus.working and not await has_worker(app)


async def unattended(app: App) -> list[Run]:
    """Return the runs that would work if a worker lived, the newest first."""
    return [] if await has_worker(app) else await app.ledger.runs(status=RunStatus.working)


def nobody_works(runs: Sequence[Run]) -> str:
    """Say that nobody works on these runs, and how to start a worker."""
    which = f"run {runs[0].id}" if len(runs) == 1 else f"{len(runs)} runs, such as {runs[0].id}"
    return f"Nobody works on {which}: start 'phasegate worker', or 'phasegate run --resume {runs[0].id}'"


def not_committed(workspace: Workspace, config: Config) -> list[str]:
    """The files that list managers and approvers and differ from the commit that is checked out, from the top."""
    committed = workspace.tree(workspace.head())
    paths = (NAME, ROOTS, f"src/{config.project.package}/approvers.json")
    return [path for path in paths if _written(workspace.folder / path) != committed.get(path)]


def _written(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


MOST = 500
KEPT_SECONDS = 10.0
"""Runs that are looked at, the newest first: each costs a signature an event."""


async def broken_records(app: App, most: int = MOST) -> list[str]:
    """Return a line for each run whose record does not hold, and for each that is over by its row alone."""
    live = [run.id for run in await app.ledger.runs() if not run.status.ended]
    lines = [await _broken(app, run) for run in live[:most]]
    return [*filter(None, lines), *await app.ledger.feigned()]


class RecordLines:
    """Lines about records that do not hold, kept for a few seconds: pages are looked at more often than files change.

    Reading the records of hundreds of live runs takes as long as the rest of a page ten times over.
    """

    def __init__(self, app: App, seconds: float = KEPT_SECONDS) -> None:
        """Take the opened repository, and for how long an answer is kept."""
        self._app, self._seconds = app, seconds
        self._lines: list[str] = []
        self._until = -math.inf
        self._turn = asyncio.Lock()

    async def read(self) -> list[str]:
        """Return the lines of `broken_records`, a few seconds old at most."""
        async with self._turn:
            if time.monotonic() >= self._until:
                self._lines = await broken_records(self._app)
                self._until = time.monotonic() + self._seconds
            return self._lines


async def _broken(app: App, run: str) -> str:
    wrong = await app.ledger.broken(run)
    if wrong:
        return wrong
    dossier = await app.ledger.dossier(GateKey(run, "", 0))
    # Whoever has the system's key can write a decision in anybody's name, and no more than write it.
    unsigned = app.keeper.passage.unsigned(dossier)
    return f"the record of run '{run}' does not hold: {unsigned}" if unsigned else _under_other_root(app, dossier)


def _under_other_root(app: App, dossier: GateHistory) -> str:
    """Say that a run began under another root than the one that counts here, which only a person can explain."""
    terms = dossier.started.terms if dossier.started else None
    began, here = terms.root if terms else "", app.trust.read().chain.fingerprint
    if began in ("", here):
        return ""
    return f"run '{dossier.run.id}' began under root {began}, and the root here is {here or 'none'}"
