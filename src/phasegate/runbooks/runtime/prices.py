"""Costs from a dated price table: price times quantity, with the price's source and date."""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from .errors import WrongUse
from .partitions import AWS, currency, partition_of
from .values import is_number

HOURS_A_MONTH = 730
_A_MONTH = {"month": 1.0, "hour": float(HOURS_A_MONTH), "day": HOURS_A_MONTH / 24, "year": 1 / 12}
_ANYWHERE = "*"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Cost of a finding."""

    unit: str
    quantity: float | None
    amount: float | None
    """Per `per`; None where the price or the quantity is not known."""
    monthly: float | None
    """The amount per month of 730 hours; None where it is not known or comes only once."""
    per: str
    currency: str = "USD"
    """Currency of the price."""
    price: float | None = None
    source: str = ""
    date: str = ""
    reason: str = ""
    """Reason why it is unknown."""
    note: str = ""
    """Note on what the amount leaves out, so that the whole may be higher."""
    parts: Sequence["Cost"] = ()
    """Costs that it is the sum of, such as storage and provisioned IOPS; none where it has one unit."""

    def document(self) -> dict[str, Any]:
        """Return the cost as JSON."""
        return {**asdict(self), "parts": [part.document() for part in self.parts]}


@dataclass(frozen=True, kw_only=True)
class _Limit:
    """Condition under which a price of some units holds."""

    units: re.Pattern[str]
    says: Callable[[Mapping[str, Any]], Any]
    """Return what an item says of itself in this regard, or None where it says nothing."""
    covered: tuple[Any, ...]
    note: str
    """Note on what the amount leaves out where the item says nothing."""
    reason: str
    """Reason why the price is unknown where the item is something else, with `{}` for what it says."""
    rest: tuple[str, ...] = ()
    """Endings of the units that make the sum whole, and the note needless, where they stand beside the unit."""


_EC2 = re.compile(r"ec2:[^:]+:hour")
_RDS = re.compile(r"rds:([^:]+:db\.[^:]+:hour|[^:]+:gb-month)")
_STORAGE_ONLY = "storage only: provisioned IOPS and throughput come on top"
# A table has one price a unit. For an item that costs otherwise, no price is better than a wrong sum.
_LIMITS = (
    _Limit(
        units=re.compile(r"ebs:(io1|io2):gb-month"),
        says=lambda row: None,
        covered=(),
        note=_STORAGE_ONLY,
        reason="",
        rest=(":iops-month",),
    ),
    _Limit(
        units=re.compile(r"ebs:gp3:gb-month"),
        says=lambda row: None,
        covered=(),
        note=_STORAGE_ONLY,
        reason="",
        rest=(":iops-month", ":throughput-month"),
    ),
    _Limit(
        units=_EC2,
        says=lambda row: row.get("PlatformDetails") or row.get("Platform"),
        covered=("Linux/UNIX",),
        note="Linux without a licence: Windows and others cost more",
        reason="the price is that of Linux without a licence, and this is {}",
    ),
    _Limit(
        units=_EC2,
        says=lambda row: row["Placement"].get("Tenancy") if isinstance(row.get("Placement"), dict) else None,
        covered=("default",),
        note="",
        reason="the price is that of shared hardware, and the tenancy of this is {}",
    ),
    _Limit(
        units=_RDS,
        says=lambda row: row.get("MultiAZ"),
        covered=(False,),
        note="one zone: Multi-AZ costs twice as much",
        reason="the price is that of one zone, and this is Multi-AZ",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Price:
    """Line of the table."""

    price: float
    source: str
    date: str
    currency: str = "USD"


@dataclass(frozen=True, kw_only=True)
class PriceTable:
    """Prices by unit and region, with `*` for all regions that have none of their own."""

    prices: Mapping[tuple[str, str], Price] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "PriceTable":
        """Parse `{"prices": [{"unit", "region", "price", "currency", "source", "date"}, …]}`.

        Raises:
            WrongUse: the file is not there or not of that form.
        """
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))["prices"]
            return cls(prices={(entry["unit"], entry["region"]): _price(entry) for entry in entries})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WrongUse(f"{path} is no price table: {error}") from error

    def cost(self, unit: str, region: str, *, quantity: Any, per: str) -> Cost:
        """Price times quantity."""
        price = self.prices.get((unit, region)) or self._common(unit, region)
        if price is None or not is_number(quantity):
            missing = f"no price for {unit} in {region}, where AWS charges in {currency(region)}"
            reason = missing if price is None else "the quantity is not known"
            known = quantity if is_number(quantity) else None
            return Cost(unit=unit, quantity=known, amount=None, monthly=None, per=per, reason=reason)
        amount = price.price * quantity
        factor = _A_MONTH.get(per)
        return Cost(
            unit=unit,
            quantity=quantity,
            amount=round(amount, 6),
            monthly=None if factor is None else round(amount * factor, 6),
            per=per,
            currency=price.currency,
            price=price.price,
            source=price.source,
            date=price.date,
        )

    def _common(self, unit: str, region: str) -> Price | None:
        """Return the price of all regions, unless the region is of a partition that has prices of its own."""
        return self.prices.get((unit, _ANYWHERE)) if partition_of(region) == AWS else None


def total(*parts: Cost) -> Cost:
    """Return the sum of costs with its parts, unknown where one of them is."""
    pers = {part.per for part in parts}
    # A month is the common measure of hours and years, and what comes once has none.
    per = pers.pop() if len(pers) == 1 else "month"
    amounts = [part.amount if part.per == per else part.monthly for part in parts]
    priced = [part for part in parts if part.amount]
    currencies = {part.currency for part in priced}
    reason = next((part.reason for part in parts if part.amount is None), "")
    if not reason and None in amounts:
        reason = "what comes once and what comes each month have no sum"
    if not reason and len(currencies) > 1:
        reason = f"the prices are in {' and '.join(sorted(currencies))}"
    known = [amount for amount in amounts if amount is not None]
    monthly = [part.monthly for part in parts if part.monthly is not None]
    return Cost(
        unit=" + ".join(part.unit for part in parts),
        quantity=None,
        amount=None if reason else round(sum(known), 6),
        monthly=None if reason or len(monthly) < len(parts) else round(sum(monthly), 6),
        per=per,
        currency=min(currencies, default="USD"),
        source=", ".join(sorted({part.source for part in priced})),
        date=min((part.date for part in priced), default=""),
        reason=reason,
        note="; ".join(sorted({part.note for part in parts if part.note})),
        parts=parts,
    )


def cost_of(cost: Cost, row: Mapping[str, Any], beside: Collection[str] = ()) -> Cost:
    """Hold a cost against what its item says of itself: unknown where the price is that of something else.

    `beside` are the units that it is summed with.
    """
    if cost.parts:
        units = [part.unit for part in cost.parts]
        return total(*(cost_of(part, row, units) for part in cost.parts))
    notes = []
    for limit in _LIMITS if cost.amount else ():
        if not limit.units.fullmatch(cost.unit):
            continue
        if limit.rest and all(any(unit.endswith(ending) for unit in beside) for ending in limit.rest):
            continue
        said = limit.says(row)
        if said is None:
            notes.append(limit.note)
        elif said not in limit.covered:
            reason = f"no price for {cost.unit} of this kind: {limit.reason.format(said)}"
            return Cost(unit=cost.unit, quantity=cost.quantity, amount=None, monthly=None, per=cost.per, reason=reason)
    return replace(cost, note="; ".join(filter(None, notes)))


def _price(entry: Mapping[str, Any]) -> Price:
    return Price(
        price=float(entry["price"]),
        source=str(entry["source"]),
        date=str(entry["date"]),
        currency=str(entry.get("currency", "USD")),
    )
