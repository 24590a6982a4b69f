import datetime
import doctest

import pytest

from phasegate.runbooks import aws, prices


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
    assert prices.price("ebs:gp3:gb-month", "ap-south-1") is None
    assert prices.price("ebs:gp9:gb-month", "us-east-1") is None
    assert prices.priced("ebs:{VolumeType}:gb-month")
    assert prices.priced("moon:{Size}") == ()
