"""The dated price table that a target repository starts with: public list prices of the common units.

Most lines are those of AWS's bulk price list as costwatch 1.0.4 (Apache-2.0) packs it. It is small on purpose: a price
that is not in it is unknown and said so, never guessed. A team keeps its own table in
its repository, or gives one with `--prices`.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from phasegate.runbooks.runtime.prices import Price, PriceTable

PRICES = Path(__file__).with_name("prices.json")
_BRACES = re.compile(r"\\\{[^{}]*\\\}")


def price_table() -> bytes:
    """The table as it is laid into a target repository."""
    return PRICES.read_bytes()


@cache
def prices() -> PriceTable:
    """The table as a runbook reads it."""
    return PriceTable.read(PRICES)


def priced(template: str) -> Mapping[tuple[str, str], Price]:
    """Return the prices whose unit a cost's template can name, by unit and region.

    >>> sorted({unit for unit, region in priced("ebs:{VolumeType}:gb-month")})[:2]
    ['ebs:gp2:gb-month', 'ebs:gp3:gb-month']
    """
    pattern = re.compile(_BRACES.sub("[^:]+", re.escape(template)))
    return {place: price for place, price in prices().prices.items() if pattern.fullmatch(place[0])}
