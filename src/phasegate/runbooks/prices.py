"""The dated price table that a target repository starts with: public list prices of the common units.

Most lines are those of AWS's bulk price list as costwatch 1.0.4 (Apache-2.0) packs it. It is small on purpose: a price
that is not in it is unknown and said so, never guessed. A team keeps its own table in
its repository, or gives one with `--prices`.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_PLACE = re.compile(r"\\\{[^{}]*\\\}")


@dataclass(frozen=True, kw_only=True)
class Price:
    """Line of the price table."""

    unit: str
    """Such as `ebs:gp3:gb-month`."""
    region: str
    """`*` where it is the same in all."""
    price: float
    currency: str
    source: str
    """The public price list that it stands in."""
    date: str
    """The day for which it is known to hold, `2026-10-15`."""


def price_table() -> bytes:
    """The table as it is laid into a target repository."""
    return files("phasegate.runbooks").joinpath("prices.json").read_bytes()


@cache
def prices() -> tuple[Price, ...]:
    """Every line, by unit and region."""
    return tuple(Price(**entry) for entry in json.loads(price_table())["prices"])


def priced(template: str) -> tuple[Price, ...]:
    """The lines whose unit a cost's template can name.

    >>> sorted({entry.unit for entry in priced("ebs:{VolumeType}:gb-month")})[:2]
    ['ebs:gp2:gb-month', 'ebs:gp3:gb-month']
    """
    pattern = re.compile(_PLACE.sub("[^:]+", re.escape(template)))
    return tuple(entry for entry in prices() if pattern.fullmatch(entry.unit))
