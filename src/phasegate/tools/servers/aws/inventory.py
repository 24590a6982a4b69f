"""Counting and paging through a listing with botocore's own paginator."""

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.paginate import Paginator

from phasegate.tools.servers.aws.operations import Listing
from phasegate.tools.servers.aws.redaction import cleaned
from phasegate.tools.servers.aws.rows import found, search

MOST_PAGES = 500
"""Pages that a count reads; filters can make many of them empty."""
_COUNTED_AT_ONCE = 1000
_LISTED_AT_ONCE = 100


def counted(client: Any, listing: Listing, request: Mapping[str, Any], items: str, most: int) -> tuple[int, bool]:
    """Return how many rows there are, and whether counting stopped before the end.

    Args:
        client: The service's client.
        listing: What is counted.
        request: The parameters of the call.
        items: JMESPath to what is counted in an answer; empty for the listing's own rows.
        most: Rows after which counting stops.
    """
    count = 0
    for number, answer in enumerate(_answers(client, listing, request), 1):
        if number > MOST_PAGES:
            return count, True
        count += len(_rows(listing, answer, items) if items else search(listing.rows, answer) or ())
        if count > most:
            return most, True
    return count, False


def page(
    client: Any, listing: Listing, request: Mapping[str, Any], items: str, limit: int, token: Any
) -> tuple[list[Any], Any]:
    """Return rows without their secrets, and botocore's token for the next ones or None.

    Args:
        client: The service's client.
        listing: What is listed.
        request: The parameters of the call.
        items: JMESPath to the rows of an answer; empty for the listing's own.
        limit: How many of the listing's own rows; `items` may find more or fewer in them.
        token: Where to go on; None for the start.
    """
    if listing.pages is None:
        # A service without pages gives all at once: the cursor then counts rows, where otherwise it holds the service's
        # token.
        rows = _rows(listing, getattr(client, listing.method)(**request), items)
        start = int(token or 0)
        return rows[start : start + limit], start + limit if start + limit < len(rows) else None
    iterator = _iterator(client, listing, request, size=_LISTED_AT_ONCE, most=limit, token=token)
    rows = [row for answer in iterator for row in _rows(listing, answer, items)]
    return rows, iterator.resume_token


def _answers(client: Any, listing: Listing, request: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    if listing.pages is None:
        return [getattr(client, listing.method)(**request)]
    pages: Iterable[Mapping[str, Any]] = _iterator(client, listing, request, size=_COUNTED_AT_ONCE)
    return pages


def _iterator(
    client: Any, listing: Listing, request: Mapping[str, Any], *, size: int, most: int | None = None, token: Any = None
) -> Any:
    paginator: Any = Paginator(getattr(client, listing.method), dict(listing.pages or {}), listing.model)
    said = {"MaxItems": most, "PageSize": listing.page_size(size, request), "StartingToken": token}
    return paginator.paginate(**request, PaginationConfig=said)


def _rows(listing: Listing, answer: Mapping[str, Any], items: str) -> list[Any]:
    return found(items or listing.rows, cleaned(answer, listing.output))


def everything(client: Any, listing: Listing, request: Mapping[str, Any]) -> list[Any]:
    """All rows of a listing that is known to be short."""
    return [row for answer in _answers(client, listing, request) for row in _rows(listing, answer, "")]
