"""AWS's price list: products, their attributes and prices."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phasegate.core import PhasegateError
from phasegate.tools.servers.aws import results
from phasegate.tools.servers.aws.calls import Calls, Question
from phasegate.tools.servers.aws.rows import PAGE, fitting

_REGION = "us-east-1"
"""Where the price list of the commercial regions is served."""
_PRICES = 12
"""Prices of a product that are shown."""


@dataclass(frozen=True)
class Prices:
    """Read-only client of the price list."""

    calls: Calls

    def products(
        self, service: str, filters: Mapping[str, str], terms: Sequence[str], account: str, limit: int, cursor: str
    ) -> results.Products:
        """A page of products that have all of these attributes, with their prices."""
        matches = [{"Type": "TERM_MATCH", "Field": name, "Value": filters[name]} for name in sorted(filters)]
        question = _question("GetProducts", account, ServiceCode=service, Filters=matches)
        room = PAGE // 2 // limit
        found, following, _ = self.calls.page(
            question, lambda said: [_product(text, terms, room) for text in said.get("PriceList", [])], limit, cursor
        )
        return results.Products(products=found, next_cursor=following)

    def names(self, service: str, attribute: str, account: str, limit: int, cursor: str) -> results.PriceNames:
        """A page of services, of a service's attributes, or of an attribute's values."""
        if service and attribute:
            question = _question("GetAttributeValues", account, ServiceCode=service, AttributeName=attribute)
        else:
            question = _question("DescribeServices", account, **({"ServiceCode": service} if service else {}))
        found, following, _ = self.calls.page(question, lambda said: list(_names(said, service)), limit, cursor)
        return results.PriceNames(names=found, next_cursor=following)


def _question(operation: str, account: str, **request: Any) -> Question:
    return Question(
        service="pricing", operation=operation, request=request, region=_REGION, account=account, size="MaxResults"
    )


def _names(said: Mapping[str, Any], service: str) -> Iterator[str]:
    yield from (value["Value"] for value in said.get("AttributeValues", []) if "Value" in value)
    for each in said.get("Services", []):
        yield from each.get("AttributeNames", []) if service else [each["ServiceCode"]]


def _product(text: str, terms: Sequence[str], room: int) -> results.Product:
    try:
        row = json.loads(text)
        product = row["product"]
        prices = [price for term in terms for price in _prices(term, row.get("terms", {}).get(term, {}))]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PhasegateError("a row of the price list makes no sense", fix="ask for another product") from error
    attributes, left_out = fitting(product.get("attributes", {}), room)
    return results.Product(
        sku=product.get("sku", ""),
        family=product.get("productFamily", ""),
        attributes=attributes,
        left_out=left_out,
        prices=prices[:_PRICES],
        more_prices=max(len(prices) - _PRICES, 0),
    )


def _prices(term: str, offers: Mapping[str, Any]) -> Iterator[results.Price]:
    for offer in offers.values():
        for tier in offer.get("priceDimensions", {}).values():
            for unit, amount in tier.get("pricePerUnit", {}).items():
                yield results.Price(
                    term=term,
                    amount=results.Money(amount=amount, unit=unit),
                    per=tier.get("unit", ""),
                    from_units=tier.get("beginRange", ""),
                    to_units=tier.get("endRange", ""),
                    description=tier.get("description", ""),
                    effective=offer.get("effectiveDate", ""),
                    conditions=offer.get("termAttributes", {}),
                )
