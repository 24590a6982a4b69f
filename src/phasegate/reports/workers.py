"""Workers that live, and runs that no worker works on."""

from collections.abc import Sequence

from phasegate.app.app import App
from phasegate.ledger import Run, RunStatus
from phasegate.workflow.engine import lease as leases
from phasegate.workflow.engine.lease import Lease


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
