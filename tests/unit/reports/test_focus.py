"""Spend as rows of FOCUS 1.2."""

import csv
import io
from datetime import date
from decimal import Decimal

import pytest

from phasegate.app import Config
from phasegate.models import Spending, Spent
from phasegate.reports.focus import csv_of

MUST = {
    *("BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd"),
    *("BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd"),
    *("ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost"),
    *("PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "ServiceCategory", "ServiceName"),
}
"""Columns that FOCUS 1.2 asks for in every data set."""
MAY_BE_NULL = {"ChargeClass", "InvoiceId", "RegionId", "RegionName"}
SONNET = "bedrock_converse:eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
PAID = Spent(calls=3, open_calls=1, input=21_000, output=4_200, usd=Decimal("0.1234567"), reserved_usd=Decimal("0.5"))


def config(**models: object) -> Config:
    return Config.model_validate({"project": {"name": "acme-runbooks", "package": "acme"}, "models": models})


def spent(model: str = SONNET, day: str = "2026-12-31", amounts: Spent = PAID) -> Spending:
    on = date.fromisoformat(day)
    return Spending(run="r1", key="specify/1/1/spec", role="product-owner", model=model, day=on, amounts=amounts)


def rows(*found: Spending, given: Config | None = None) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_of(found, given or config()))))


def test_each_column_that_focus_asks_for_is_there_and_ours_come_last() -> None:
    (row,) = rows(spent())
    names = list(row)
    assert set(names) >= MUST
    assert {name for name in names if not row[name]} <= MAY_BE_NULL
    ours = [name.startswith("x_") for name in names]
    assert ours == sorted(ours)


def test_a_charge_lies_in_its_day_and_in_its_month() -> None:
    (row,) = rows(spent())
    assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == ("2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z")
    assert (row["BillingPeriodStart"], row["BillingPeriodEnd"]) == ("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z")


def test_costs_are_the_price_of_the_calls_and_what_is_reserved_is_a_column_of_ours() -> None:
    (row,) = rows(spent())
    costs = {row[name] for name in ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")}
    assert (costs, row["BillingCurrency"]) == ({"0.1234567"}, "USD")
    assert (row["ConsumedQuantity"], row["ConsumedUnit"], row["PricingUnit"]) == ("25200.0", "Tokens", "Tokens")
    assert (row["x_Run"], row["x_Role"], row["x_Phase"], row["x_Model"]) == ("r1", "product-owner", "specify", SONNET)
    assert (row["x_TokensIn"], row["x_OpenCalls"], row["x_ReservedCost"]) == ("21000", "1", "0.5")


@pytest.mark.parametrize(
    ("model", "provider", "publisher", "service"),
    [
        (SONNET, "AWS", "Anthropic", "Amazon Bedrock"),
        ("bedrock_converse:amazon.nova-pro-v1:0", "AWS", "AWS", "Amazon Bedrock"),
        (
            "bedrock_converse:arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a",
            *["AWS"] * 2,
            "Amazon Bedrock",
        ),
        ("anthropic:claude-sonnet-4-5", "Anthropic", "Anthropic", "Claude API"),
        ("unheard_of:model", "unheard_of", "unheard_of", "unheard_of"),
    ],
)
def test_a_row_names_who_sells_and_who_made_the_model(model: str, provider: str, publisher: str, service: str) -> None:
    (row,) = rows(spent(model))
    assert (row["ProviderName"], row["InvoiceIssuerName"]) == (provider, provider)
    assert (row["PublisherName"], row["ServiceName"]) == (publisher, service)


def test_account_and_region_come_from_the_configuration() -> None:
    given = config(billing_account="123456789012", options={"bedrock_converse": {"region_name": "eu-central-1"}})
    (row,) = rows(spent(), given=given)
    assert (row["BillingAccountId"], row["RegionId"]) == ("123456789012", "eu-central-1")
    assert rows(spent())[0]["BillingAccountId"] == "acme-runbooks"


def test_what_a_recording_answered_is_no_charge_and_the_oldest_comes_first() -> None:
    found = rows(spent(day="2026-12-31"), spent(day="2026-12-01"), spent(amounts=Spent(replayed=4)))
    assert [row["ChargePeriodStart"][:10] for row in found] == ["2026-12-01", "2026-12-31"]
    assert csv_of([], config()).startswith("BilledCost,")
