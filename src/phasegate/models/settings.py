"""`[models]` of `phasegate.toml`: providers, prices, and limits of runs."""

from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from phasegate.models.meter import Allowance, Rate
from phasegate.models.prices import Price


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, defer_build=True)


class RunLimits(_Table):
    """Amounts that one run may use, over all roles."""

    tokens: int | None = Field(default=None, gt=0)
    """Tokens in and out."""
    money_usd: Decimal | None = Field(default=Decimal(20), gt=0)
    """US dollars."""
    calls: int | None = Field(default=400, gt=0)
    """Calls of models."""
    seconds: int | None = Field(default=None, gt=0)
    """Wall time of the calls, one after the other; nobody counts how long a gate waits."""

    @property
    def allowance(self) -> Allowance:
        """The limits as the meter counts them."""
        return Allowance(tokens=self.tokens, money_usd=self.money_usd, calls=self.calls, seconds=self.seconds)


class ProviderRate(_Table):
    """Amounts that all workers together may use of a provider in a minute."""

    calls: int | None = Field(default=None, gt=0)
    """Calls begun."""
    tokens: int | None = Field(default=None, gt=0)
    """Tokens in and out."""

    @property
    def rate(self) -> Rate:
        """The rate as the meter counts it."""
        return Rate(calls=self.calls, tokens=self.tokens)


class Models(_Table):
    """Settings of chat models."""

    attempts: int = Field(default=5, ge=1, le=20)
    """Attempts of one call, the first one counted."""
    seconds: float = Field(default=300.0, gt=0)
    """Seconds that one attempt may take."""
    native: bool = False
    """Whether answers come by the provider's own structured output in place of a forced tool."""
    options: dict[str, dict[str, Any]] = {}
    """More arguments of `init_chat_model`, by provider or by `PROVIDER:MODEL`, such as `region_name`."""
    prices: dict[str, Price] = {}
    """The team's own prices by `PROVIDER:MODEL`, which count before the shipped table."""
    rates: dict[str, ProviderRate] = {}
    """By provider."""
    run: RunLimits = RunLimits()
    """Limits of each run."""
    billing_account: str = Field(default="", max_length=200)
    """Account that providers bill, as rows of FOCUS name it; empty: the project's name."""

    def options_of(self, name: str) -> dict[str, Any]:
        """Return the arguments for a model, those of its provider first."""
        return {**self.options.get(name.partition(":")[0], {}), **self.options.get(name, {})}
