"""All pages of an operation: by botocore's paginator, or else by the token of the answer, or else the one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_TOKEN_IN = re.compile(r"(next|page|continuation|nextpage)?(token|marker)", re.IGNORECASE)
_TOKEN_OUT = re.compile(r"next(page|continuation)?(token|marker)|pagetoken|marker", re.IGNORECASE)
_EC2_PAGE = 500
_S3_PAGE = 1000
_NARROWS = {"Filters", "Filter", "Owners", "OwnerIds", "ExecutableUsers", "RestorableByUserIds"}


def pages(client: Any, operation: str, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every page of an operation."""
    # botocore's paginators know tokens that are nested or renamed; guessing by name is for the rest.
    if client.can_paginate(operation):
        paginator = client.get_paginator(operation)
        yield from paginator.paginate(**params, **_page_size(client, paginator, operation, params))
        return
    model = model_of(client, operation)
    given, answered = _like(_TOKEN_IN, model.input_shape), _like(_TOKEN_OUT, model.output_shape)
    answer = getattr(client, operation)(**params)
    yield answer
    while given and answered and answer.get(answered):
        answer = getattr(client, operation)(**{**params, given: answer[answered]})
        yield answer


def whole(client: Any, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return one answer with all its pages joined, or a single page where the caller sets the number of rows."""
    paginator = client.get_paginator(operation) if client.can_paginate(operation) else None
    if paginator is None or _limit_key(paginator) in params:
        return dict(getattr(client, operation)(**params))
    return dict(paginator.paginate(**params).build_full_result())


def _page_size(client: Any, paginator: Any, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the page size of a listing that without one is answered as a whole, or in part.

    EC2 gives up on a large one, and takes no page size beside ids. S3 tells the region of buckets only where a request
    has some parameter.
    """
    key = _limit_key(paginator)
    if not key or key in params:
        return {}
    if operation == "list_buckets":
        return {"PaginationConfig": {"PageSize": _S3_PAGE}}
    if client.meta.service_model.service_name != "ec2":
        return {}
    members = model_of(client, operation).input_shape.members
    # EC2 refuses a page size together with a list of ids.
    if any(isinstance(value, list) and name not in _NARROWS for name, value in params.items()):
        return {}
    most = members[key].metadata.get("max") if key in members else None
    return {"PaginationConfig": {"PageSize": min(_EC2_PAGE, most or _EC2_PAGE)}}


def _limit_key(paginator: Any) -> str | None:
    key: str | None = paginator._pagination_cfg.get("limit_key")
    return key


def model_of(client: Any, operation: str) -> Any:
    """Return botocore's model of the operation that a client's method calls."""
    return client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation])


def _like(pattern: re.Pattern[str], shape: Any) -> str | None:
    names: Sequence[str] = list(getattr(shape, "members", {}))
    return next((name for name in names if pattern.fullmatch(name)), None)
