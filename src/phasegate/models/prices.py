"""Prices of models: the dated table of genai-prices, with a team's own prices first."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from phasegate.core import Parked
from phasegate.models.chat import Usage

_PROVIDERS = {
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "anthropic_bedrock": "aws",
    "google_genai": "google",
    "google_vertexai": "google",
    "azure_openai": "azure",
}
"""Names of `init_chat_model` that genai-prices spells otherwise."""
_MILLION = 1_000_000


class UnknownPrice(Parked):
    """A call's price cannot be known, so the call is not made or not counted as free."""


class Price(BaseModel):
    """A team's price of a model, in US dollars for a million tokens."""

    # Built as a part of the configuration's table: by itself it would be built twice in each command.
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, defer_build=True)

    input: Decimal = Field(ge=0)
    """Of the prompt."""
    output: Decimal = Field(ge=0)
    """Of the reply."""
    cache_read: Decimal | None = Field(default=None, ge=0)
    """Of prompt tokens read from a cache; left out: as `input`."""
    cache_write: Decimal | None = Field(default=None, ge=0)
    """Of prompt tokens written to a cache; left out: as `input`."""
    as_of: date
    """The day on which somebody looked the price up."""

    def of(self, usage: Usage) -> Decimal:
        """Return the price of a call in US dollars."""
        read, write = self._or_input(self.cache_read), self._or_input(self.cache_write)
        plain = max(0, usage.input - usage.cache_read - usage.cache_write)
        cents = plain * self.input + usage.cache_read * read + usage.cache_write * write + usage.output * self.output
        return cents / _MILLION

    def _or_input(self, price: Decimal | None) -> Decimal:
        return self.input if price is None else price


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Prices by the name of a model."""

    own: Mapping[str, Price] = field(default_factory=dict)
    """The team's, which count first, by `PROVIDER:MODEL`."""

    def of(self, model: str, usage: Usage | None) -> Decimal:
        """Return the price of a call in US dollars.

        Raises:
            UnknownPrice: no table knows the model, or the provider did not say what was used.
        """
        if usage is None:
            raise UnknownPrice(
                f"'{model}' did not say how many tokens a call used, so its price is unknown",
                fix="ask the provider for usage figures, or have another model work",
            )
        return self.own[model].of(usage) if model in self.own else _listed(model, usage)

    def require(self, model: str) -> None:
        """Refuse a model without a price, before it is called.

        Raises:
            UnknownPrice: no table knows it.
        """
        self.of(model, Usage(input=1, output=1))


def _listed(model: str, usage: Usage) -> Decimal:
    from genai_prices import Usage as Tokens
    from genai_prices import calc_price

    provider, _, name = model.partition(":")
    tokens = Tokens(
        input_tokens=usage.input,
        output_tokens=usage.output,
        cache_read_tokens=usage.cache_read or None,
        cache_write_tokens=usage.cache_write or None,
    )
    try:
        found = calc_price(tokens, name, provider_id=_PROVIDERS.get(provider, provider))
    except LookupError as error:
        raise UnknownPrice(
            f"no price of '{model}' is known, and an unknown price never counts as zero",
            fix=f'add it to phasegate.toml: [models.prices."{model}"] input = …, output = …, as_of = …',
        ) from error
    return Decimal(found.total_price)
