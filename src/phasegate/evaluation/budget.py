"""Limit of money over a whole evaluation, beside the limits of each draft."""

from dataclasses import dataclass, field
from decimal import Decimal

from phasegate.core import Parked
from phasegate.models import Allowance, Call, ChatModel, Meter, Reply, Scope
from phasegate.models.meter import most_used


class OverBudget(Parked):
    """A call could pass the limit of the evaluation, so it is not made."""


@dataclass(kw_only=True)
class Budget:
    """US dollars that all calls together may use."""

    limit: Decimal
    used: Decimal = Decimal(0)
    """What calls used, and the most that calls under way can use."""

    def reserve(self, most: Decimal) -> None:
        """Take the most that a call can use.

        Raises:
            OverBudget: it could pass the limit.
        """
        if self.used + most > self.limit:
            raise OverBudget(
                f"calls used ${self.used:.4f} of ${self.limit}, and the next one may take ${most:.4f}",
                fix="allow more: --limit-usd AMOUNT",
            )
        self.used += most

    def settle(self, most: Decimal, used: Decimal) -> None:
        """Put back what a call left of its reservation."""
        self.used += used - most


@dataclass(frozen=True, kw_only=True)
class BudgetedMeter(Meter):
    """Meter that also holds to the budget of an evaluation."""

    budget: Budget = field(default_factory=lambda: Budget(limit=Decimal(0)))

    async def complete(self, model: ChatModel, scope: Scope, number: int, call: Call, allowed: Allowance) -> Reply:
        """Make a call within all limits.

        Raises:
            Parked: the call could pass a limit, or its price is unknown.
            ModelFailed: the provider did not answer.
        """
        most = self.prices.of(model.name, most_used(call))
        self.budget.reserve(most)
        # A call that fails used what nobody counts: its reservation stands.
        reply = await super().complete(model, scope, number, call, allowed)
        self.budget.settle(most, self.prices.of(model.name, reply.usage))
        return reply
