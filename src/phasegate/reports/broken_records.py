"""Runs whose record does not hold: a row or an event is not what was signed."""

from phasegate.app.app import App

MOST = 500
"""Runs that are looked at, the newest first: each costs a signature an event."""


async def broken_records(app: App, most: int = MOST) -> list[str]:
    """Return a line for each run that has not ended and whose record does not hold."""
    live = [run.id for run in await app.ledger.runs() if not run.status.ended]
    lines = [await app.ledger.broken(run) for run in live[:most]]
    return [line for line in lines if line]
