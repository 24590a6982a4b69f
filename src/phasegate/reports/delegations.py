"""Delegations in whole days, drawn up and listed."""

from datetime import UTC, date, datetime, time

from phasegate.app.app import App
from phasegate.ledger import Delegation


def drawn_up(app: App, by: str, to: str, first: date | None, last: date, gates: tuple[str, ...]) -> Delegation:
    """A delegation for whole days in UTC.

    Args:
        app: whose clock tells the time.
        by: the approver who delegates.
        to: who decides for them.
        first: the first day; None: from now on.
        last: the last day, which counts to its end.
        gates: ids of phases; empty: all.
    """
    begins = datetime.combine(first, time(), UTC) if first else app.clock.now()
    return Delegation(by=by, to=to, begins=begins, ends=datetime.combine(last, time(23, 59, 59), UTC), gates=gates)


async def standing(app: App) -> list[Delegation]:
    """Return current and future delegations signed by a present manager, the first to end first."""
    managers, now = app.keeper.managers(), app.clock.now()
    found = [
        given
        for given, envelope in await app.ledger.delegations()
        if now < given.ends and given.by in managers and envelope.holds(managers[given.by].public_key)
    ]
    return sorted(found, key=lambda given: (given.ends, given.by, given.to, given.begins))


def where(given: Delegation) -> str:
    """`at plan, build`, or `at every gate`."""
    return f"at {', '.join(given.gates)}" if given.gates else "at every gate"
