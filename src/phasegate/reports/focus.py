"""Spend as rows of FOCUS 1.2, the FinOps Open Cost and Usage Specification.

A row is what the calls of one draft or review used of one model on one day. Only the sum of a call is stored, so that
no row has a unit price: the columns that FOCUS asks for where unit prices are published are left out.
"""

import csv
import io
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from phasegate.app.app import App
from phasegate.app.config import Config
from phasegate.core.formatting import count
from phasegate.models import Spending, read_spending


class Seller(NamedTuple):
    """Provider of a model, and the service that it is a part of."""

    provider: str
    service: str


_SELLERS = {
    "anthropic": Seller("Anthropic", "Claude API"),
    "azure_openai": Seller("Microsoft", "Azure OpenAI"),
    "bedrock": Seller("AWS", "Amazon Bedrock"),
    "bedrock_converse": Seller("AWS", "Amazon Bedrock"),
    "google_genai": Seller("Google", "Gemini API"),
    "google_vertexai": Seller("Google Cloud", "Vertex AI"),
    "ollama": Seller("Ollama", "Ollama"),
    "openai": Seller("OpenAI", "OpenAI API"),
}
_PUBLISHERS = {
    "ai21": "AI21 Labs",
    "amazon": "AWS",
    "anthropic": "Anthropic",
    "cohere": "Cohere",
    "deepseek": "DeepSeek",
    "meta": "Meta",
    "mistral": "Mistral AI",
    "openai": "OpenAI",
    "qwen": "Alibaba Cloud",
}
"""Makers of Bedrock's models, by the part of a model's id that names them."""


async def focus_csv(app: App, run: str = "", since: date | None = None) -> str:
    """Return the rows as CSV, oldest day first, with an empty cell for null.

    Args:
        app: the repository.
        run: id of the only run that counts; empty: all of them.
        since: the first day that counts, in UTC; None: from the first call on.
    """
    return csv_of(await app.database.read(read_spending, [run] if run else None, since), app.config)


def csv_of(found: Iterable[Spending], config: Config) -> str:
    """Return amounts as CSV."""
    rows = [focus_row(each, config) for each in sorted(found, key=lambda each: (each.day, each.run, each.key))]
    # Replies from a recording cost nothing, and FOCUS has charges alone.
    paid = [row for row in rows if row["x_Calls"]]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(focus_row(_NOTHING, config)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(paid)
    return text.getvalue()


def focus_row(each: Spending, config: Config) -> dict[str, Any]:
    """Return the row of a draft's or review's calls on one day: the columns of FOCUS first, then our own."""
    return {**_charge(each, config), **_service(each.model, config), **_own(each)}


def _charge(each: Spending, config: Config) -> dict[str, Any]:
    cost = f"{each.amounts.usd:f}"
    # With a decimal point: readers of CSV guess types, and FOCUS has no whole numbers.
    quantity = f"{each.amounts.input + each.amounts.output}.0"
    month = each.day.replace(day=1)
    account = config.models.billing_account or config.project.name
    return {
        "BilledCost": cost,
        "BillingAccountId": account,
        "BillingAccountName": account,
        "BillingCurrency": "USD",
        "BillingPeriodEnd": _time((month + timedelta(days=32)).replace(day=1)),
        "BillingPeriodStart": _time(month),
        "ChargeCategory": "Usage",
        "ChargeClass": None,
        "ChargeDescription": f"{count(each.amounts.calls, 'call')} of {each.model} as {each.role} for {each.key}",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": _time(each.day + timedelta(days=1)),
        "ChargePeriodStart": _time(each.day),
        "ConsumedQuantity": quantity,
        "ConsumedUnit": "Tokens",
        "ContractedCost": cost,
        "EffectiveCost": cost,
        "ListCost": cost,
        "PricingCategory": "Standard",
        "PricingQuantity": quantity,
        "PricingUnit": "Tokens",
    }


def _service(model: str, config: Config) -> dict[str, Any]:
    name = model.partition(":")[0]
    seller = _SELLERS.get(name, Seller(name, name))
    region = config.models.options_of(model).get("region_name")
    return {
        "InvoiceId": None,
        "InvoiceIssuerName": seller.provider,
        "ProviderName": seller.provider,
        "PublisherName": _publisher(model, seller),
        "RegionId": region,
        "RegionName": region,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": seller.service,
        "ServiceSubcategory": "Generative AI",
    }


def _publisher(model: str, seller: Seller) -> str:
    """Return who made a model, for one of Bedrock by its id: `eu.anthropic.claude-…` is of Anthropic."""
    if seller.service != "Amazon Bedrock":
        return seller.provider
    parts = model.partition(":")[2].split(".")
    return next((_PUBLISHERS[part] for part in parts if part in _PUBLISHERS), seller.provider)


def _own(each: Spending) -> dict[str, Any]:
    amounts = each.amounts
    return {
        "x_Run": each.run,
        "x_Role": each.role,
        "x_Phase": each.phase,
        "x_Model": each.model,
        "x_Calls": amounts.calls,
        "x_TokensIn": amounts.input,
        "x_TokensOut": amounts.output,
        "x_CacheReadTokens": amounts.cache_read,
        "x_CacheWriteTokens": amounts.cache_write,
        "x_Seconds": amounts.seconds,
        "x_OpenCalls": amounts.open_calls,
        "x_ReservedCost": f"{amounts.reserved_usd:f}",
    }


def _time(day: date) -> str:
    return f"{datetime(day.year, day.month, day.day, tzinfo=UTC):%Y-%m-%dT%H:%M:%SZ}"


_NOTHING = Spending(run="", key="", role="", model="", day=date(1970, 1, 1))
