import datetime
import doctest
import json
from typing import Any

import pytest

from phasegate.runbooks import prices
from phasegate.runbooks.language import aws
from phasegate.runbooks.runtime import PriceTable
from phasegate.runbooks.runtime.prices import Price, cost_of


def test_the_examples_hold() -> None:
    assert doctest.testmod(prices).failed == 0


@pytest.mark.parametrize(("place", "line"), prices.prices().prices.items(), ids=str)
def test_every_line_says_where_and_when_it_comes_from(place: tuple[str, str], line: Price) -> None:
    assert line.price > 0
    assert line.currency == "USD"
    assert line.date in line.source
    assert datetime.date.fromisoformat(line.date)
    assert place[1] == "*" or place[1] in aws.regions()


def test_no_unit_has_two_prices_in_a_region() -> None:
    keys = [(line["unit"], line["region"]) for line in json.loads(prices.price_table())["prices"]]

    assert len(keys) == len(set(keys))


def test_a_regions_own_price_wins_over_the_common_one_and_an_unknown_one_is_unknown() -> None:
    def price(unit: str, region: str) -> float | None:
        return prices.prices().cost(unit, region, quantity=1, per="hour").price

    assert price("eip:hour", "ap-south-1") == price("eip:hour", "us-east-1") is not None
    assert price("ec2:m5.large:hour", "ap-south-1") is None
    assert price("ebs:gp9:gb-month", "us-east-1") is None
    assert prices.priced("ebs:{VolumeType}:gb-month")
    assert prices.priced("moon:{Size}") == {}


@pytest.mark.parametrize(
    ("unit", "row", "said"),
    [
        ("ebs:io2:gb-month", {}, "storage only"),
        ("ec2:m5.large:hour", {}, "Linux"),
        ("ec2:m5.large:hour", {"PlatformDetails": "Linux/UNIX", "Placement": {"Tenancy": "default"}}, ""),
        ("rds:mysql:db.m5.large:hour", {}, "one zone"),
        ("rds:mysql:db.m5.large:hour", {"MultiAZ": False}, ""),
        ("ebs:gp2:gb-month", {}, ""),
    ],
)
def test_what_an_amount_leaves_out_is_said_unless_the_item_tells(unit: str, row: dict[str, Any], said: str) -> None:
    cost = cost_of(prices.prices().cost(unit, "us-east-1", quantity=100, per="month"), row)
    assert cost.amount
    assert said in cost.note
    assert bool(said) == bool(cost.note)


@pytest.mark.parametrize(
    ("unit", "row", "said"),
    [
        ("ec2:m5.large:hour", {"PlatformDetails": "Windows with SQL Server Standard"}, "Windows with SQL Server"),
        ("ec2:m5.large:hour", {"PlatformDetails": "Red Hat Enterprise Linux"}, "Red Hat"),
        ("ec2:m5.large:hour", {"Platform": "windows"}, "windows"),
        ("ec2:m5.large:hour", {"PlatformDetails": "Linux/UNIX", "Placement": {"Tenancy": "dedicated"}}, "dedicated"),
        ("rds:mysql:db.m5.large:hour", {"MultiAZ": True}, "Multi-AZ"),
        ("rds:gp2:gb-month", {"MultiAZ": True}, "Multi-AZ"),
    ],
)
def test_a_price_of_something_else_is_unknown_with_the_reason(unit: str, row: dict[str, Any], said: str) -> None:
    region = "eu-west-1" if unit == "rds:gp2:gb-month" else "us-east-1"
    cost = cost_of(prices.prices().cost(unit, region, quantity=1, per="hour"), row)
    assert (cost.amount, cost.monthly, cost.price) == (None, None, None)
    assert said in cost.reason


@pytest.mark.parametrize("unit", ["ec2:Windows:m5.large:hour", "rds:multi-az:mysql:db.m5.large:hour"])
def test_a_unit_of_a_teams_own_says_what_it_is_for(unit: str) -> None:
    own = PriceTable(prices={(unit, "us-east-1"): Price(price=1.0, source="our contract", date="2026-11-01")})
    cost = own.cost(unit, "us-east-1", quantity=1, per="hour")
    assert cost_of(cost, {"PlatformDetails": "Windows", "MultiAZ": True}) == cost


@pytest.mark.parametrize(("region", "currency"), [("cn-north-1", "CNY"), ("us-gov-west-1", "USD")])
def test_the_common_price_is_not_that_of_another_partition(region: str, currency: str) -> None:
    cost = prices.prices().cost("kms:key-month", region, quantity=1, per="month")
    assert cost.amount is None
    assert f"AWS charges in {currency}" in cost.reason
    assert prices.prices().cost("kms:key-month", "eu-west-1", quantity=1, per="month").amount == 1
