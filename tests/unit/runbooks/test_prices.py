import datetime
import doctest
from pathlib import Path

import pytest

from phasegate.runbooks import aws, prices
from phasegate.runbooks.runtime import PriceTable


def test_the_examples_hold() -> None:
    assert doctest.testmod(prices).failed == 0


@pytest.mark.parametrize("line", prices.prices(), ids=lambda line: f"{line.unit} {line.region}")
def test_every_line_says_where_and_when_it_comes_from(line: prices.Price) -> None:
    assert line.price > 0
    assert line.currency == "USD"
    assert line.date in line.source
    assert datetime.date.fromisoformat(line.date)
    assert line.region == "*" or line.region in aws.regions()


def test_no_unit_has_two_prices_in_a_region() -> None:
    keys = [(line.unit, line.region) for line in prices.prices()]

    assert len(keys) == len(set(keys))


def test_a_regions_own_price_wins_over_the_common_one_and_an_unknown_one_is_unknown() -> None:
    assert prices.price("eip:hour", "ap-south-1") == prices.price("eip:hour", "us-east-1")
    assert prices.price("ec2:m5.large:hour", "ap-south-1") is None
    assert prices.price("ebs:gp9:gb-month", "us-east-1") is None
    assert prices.priced("ebs:{VolumeType}:gb-month")
    assert prices.priced("moon:{Size}") == ()


@pytest.mark.parametrize(
    ("unit", "region", "said"),
    [
        ("ebs:io2:gb-month", "eu-west-1", "storage only"),
        ("ec2:m5.large:hour", "us-east-1", "Linux"),
        ("rds:mysql:db.m5.large:hour", "us-east-1", "one zone"),
        ("ebs:gp2:gb-month", "us-east-1", ""),
    ],
)
def test_what_an_amount_leaves_out_is_said(unit: str, region: str, said: str) -> None:
    cost = table().cost(unit, region, quantity=100, per="month")
    assert cost.amount
    assert said in cost.note
    assert bool(said) == bool(cost.note)


@pytest.mark.parametrize(("region", "currency"), [("cn-north-1", "CNY"), ("us-gov-west-1", "USD")])
def test_the_common_price_is_not_that_of_another_partition(region: str, currency: str) -> None:
    cost = table().cost("kms:key-month", region, quantity=1, per="month")
    assert cost.amount is None
    assert f"AWS charges in {currency}" in cost.reason
    assert table().cost("kms:key-month", "eu-west-1", quantity=1, per="month").amount == 1


def table() -> PriceTable:
    return PriceTable.read(Path(prices.__file__).with_name("prices.json"))
