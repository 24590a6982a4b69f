"""Cost of a run's model calls: paid so far, and at most to come."""

from collections.abc import Mapping
from decimal import Decimal

from phasegate.core.formatting import money
from phasegate.core.report import Report
from phasegate.reports.spend import Spend, cents
from phasegate.team import ASSISTANT, COMPILER, RECORDED, Card, Flow, Phase


class Cost(Report):
    """Cost of model calls in US dollars as of one gate, with decimals as text in JSON."""

    usd_so_far: Decimal
    """Sum over the model calls with a known end."""
    usd_reserved: Decimal
    """The most that model calls cost of which nobody knows the end: those under way, failed or killed."""
    usd_to_come_at_most: Decimal
    """Upper bound for the phases after this gate: the limit of each role that calls a model there, counted once."""
    models: bool
    """Whether any role of the workflow calls a model."""
    recorded: bool = False
    """Whether a role answers from a recording, which nobody pays."""

    @property
    def says(self) -> str:
        """`$0.42 so far, at most $3.00 to come`."""
        if not (self.models or self.usd_so_far or self.usd_reserved):
            return "no model is called: $0 so far, $0 to come"
        if self.recorded:
            return f"answers are recorded: {cents(self.usd_so_far)} paid, no model is called"
        reserved = f" and {cents(self.usd_reserved)} reserved" if self.usd_reserved else ""
        return f"{cents(self.usd_so_far)} so far{reserved}, at most {money(self.usd_to_come_at_most)} to come"


def cost_of(spent: Spend, flow: Flow, phase: Phase, cards: Mapping[str, Card]) -> Cost:
    """The cost of a run that is at that phase's gate.

    Args:
        spent: what the run's calls of models used.
        flow: the workflow.
        phase: whose gate it is at.
        cards: by role.
    """
    limits = {name: _most(card) for name, card in cards.items() if card.model not in (COMPILER, ASSISTANT)}
    ahead = {role for later in flow.phases[flow.phases.index(phase) + 1 :] for role in _roles(later)}
    return Cost(
        usd_so_far=spent.usd,
        usd_reserved=spent.reserved_usd,
        usd_to_come_at_most=sum((limits[role] for role in ahead if role in limits), Decimal(0)),
        models=any(role in limits for role in flow.roles),
        recorded=any(cards[role].model.startswith(RECORDED) for role in flow.roles if role in limits),
    )


def _roles(phase: Phase) -> list[str]:
    return [*(author.role for author in phase.authors), *(review.role for review in phase.reviews)]


def _most(card: Card) -> Decimal:
    return Decimal(str(card.limits.money_usd)) if card.limits else Decimal(0)
