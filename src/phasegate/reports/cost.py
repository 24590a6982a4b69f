"""What a run's model calls cost: paid so far, and to come at most."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from phasegate.app.config import COMPILER
from phasegate.app.words import money
from phasegate.ledger import Event
from phasegate.team import Card, Flow, Phase


@dataclass(frozen=True, kw_only=True)
class Cost:
    """US dollars, as of one gate."""

    paid: Decimal
    """Sum over the calls of models that are on record."""
    to_come: Decimal
    """At most, in the phases after the gate's: the limits of the roles that call a model there, each once."""
    models: bool
    """Whether any role of the workflow calls a model."""

    @property
    def says(self) -> str:
        """`$0.42 so far, at most $3.00 to come`."""
        if not (self.models or self.paid):
            return "no model is called: $0 so far, $0 to come"
        return f"{money(self.paid)} so far, at most {money(self.to_come)} to come"

    def as_json(self) -> dict[str, str]:
        """For programs: decimals as text."""
        return {"usd_so_far": str(self.paid), "usd_to_come_at_most": str(self.to_come)}


def cost_of(events: Iterable[Event], flow: Flow, phase: Phase, cards: Mapping[str, Card]) -> Cost:
    """The cost of a run that is at that phase's gate.

    Args:
        events: the run's, or those of them whose body has `usd`.
        flow: the workflow.
        phase: whose gate it is at.
        cards: by role.
    """
    limits = {name: _most(card) for name, card in cards.items() if card.model != COMPILER}
    ahead = {role for later in flow.phases[flow.phases.index(phase) + 1 :] for role in _roles(later)}
    return Cost(
        paid=sum((Decimal(str(event.body["usd"])) for event in events if "usd" in event.body), Decimal(0)),
        to_come=sum((limits[role] for role in ahead if role in limits), Decimal(0)),
        models=any(role in limits for role in flow.roles),
    )


def _roles(phase: Phase) -> list[str]:
    return [*(author.role for author in phase.authors), *(review.role for review in phase.reviews)]


def _most(card: Card) -> Decimal:
    return Decimal(str(card.limits.money_usd)) if card.limits else Decimal(0)
