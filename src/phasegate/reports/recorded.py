"""Repositories in which roles answer from a recording: what screens say of it, and what the recorded calls cost."""

from collections.abc import Iterable
from decimal import Decimal

from phasegate.core.report import Report
from phasegate.ledger.events import ModelCalled
from phasegate.team import RECORDED

NOTICE = "The roles' answers are recorded: no model is called, and nothing is paid."
"""Said on every screen of a repository in which a role answers from a recording."""


class RecordedCost(Report):
    """Cost of one role's calls as they were recorded, of which nothing is paid."""

    role: str
    calls: int
    tokens_in: int
    tokens_out: int
    usd: Decimal


def recorded_costs(calls: Iterable[ModelCalled]) -> tuple[RecordedCost, ...]:
    """Return what a run's recorded answers cost by role, the dearest first."""
    by_role: dict[str, list[ModelCalled]] = {}
    for call in calls:
        if call.model.startswith(RECORDED):
            by_role.setdefault(call.role, []).append(call)
    rows = [
        RecordedCost(
            role=role,
            calls=sum(call.calls for call in made),
            tokens_in=sum(call.tokens_in for call in made),
            tokens_out=sum(call.tokens_out for call in made),
            usd=sum((Decimal(call.usd) for call in made), Decimal(0)),
        )
        for role, made in by_role.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.usd, row.role)))
