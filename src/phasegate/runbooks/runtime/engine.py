"""Runs a runbook over accounts and regions, and judges what it lists."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from jmespath.exceptions import JMESPathError

from .changes import Planned
from .clients import HOME_REGION, Clients
from .errors import CallErrors, Prerequisite, Unanswered, WrongUse
from .prices import PriceTable
from .runbook import Detail, Finding, PageDetail, Report, Runbook, Verdict
from .scan import Row, Scan, Trouble, watched

T = TypeVar("T")

DEFAULT_ROLE = "OrganizationAccountAccessRole"
_PAGE = 200
_PLACES_AT_ONCE = 8
_CANNOT_JUDGE = (JMESPathError, TypeError, ValueError, LookupError, AttributeError)


@dataclass(frozen=True, kw_only=True)
class Place:
    """An account and region to look at."""

    clients: Clients
    account: str
    region: str


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a scan is asked for."""

    now: datetime
    """With its zone."""
    regions: Sequence[str] = ()
    """Wins over the runbook's own."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Overrides of the runbook's."""
    prices: PriceTable = field(default_factory=PriceTable)
    endpoint: str | None = None
    """Where AWS is, for tests; AWS_ENDPOINT_URL, or AWS itself, where it is left out."""
    session: boto3.Session | None = None
    """Whose credentials to use; boto3's own search where it is left out."""
    role: str = DEFAULT_ROLE
    """The role to assume in other accounts."""


@dataclass(kw_only=True)
class _Judged:
    row: Row
    troubles: list[Trouble]


def run(runbook: Runbook, order: Order) -> Report:
    """Scans every account and region of the runbook, several at a time; what fails is counted and goes in the report.

    Raises:
        Prerequisite: there are no credentials that work.
        WrongUse: a parameter that the runbook does not have.
    """
    params = merged(runbook, order.params)
    errors = CallErrors()
    found = places(runbook, order, errors)

    def look(place: Place) -> tuple[int, list[Finding]]:
        scan = open_scan(place, order, params, errors)
        try:
            return survey(runbook, scan, errors)
        finally:
            scan.close()

    with ThreadPoolExecutor(_PLACES_AT_ONCE, thread_name_prefix="place") as workers:
        results = list(workers.map(look, found))
    findings = [finding for _, listed in results for finding in listed]
    return Report(
        runbook=runbook.name,
        title=runbook.title,
        as_of=order.now,
        params=params,
        regions=sorted({place.region for place in found}),
        judged=sum(judged for judged, _ in results),
        findings=sorted(findings, key=lambda finding: (finding.account, finding.region, finding.id)),
        errors=errors.all(),
        actions=_actions(runbook, findings, lambda: open_scan(found[0], order, params, errors)),
    )


def merged(runbook: Runbook, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The runbook's parameters, with those of the command line over them.

    Raises:
        WrongUse: one that the runbook does not have.
    """
    strange = sorted(set(overrides) - set(runbook.params))
    if strange:
        known = ", ".join(sorted(runbook.params)) or "none"
        raise WrongUse(f"{runbook.name} has no parameter {strange[0]!r}; it has {known}")
    return {**runbook.params, **overrides}


def open_scan(place: Place, order: Order, params: Mapping[str, Any], errors: CallErrors) -> Scan:
    """A scan of one place; close it after use."""
    return Scan(
        place.clients,
        account=place.account,
        region=place.region,
        now=order.now,
        params=params,
        prices=order.prices,
        errors=errors,
    )


def places(runbook: Runbook, order: Order, errors: CallErrors) -> list[Place]:
    """Every account and region to look at; an account that cannot be entered is an error, and is left out.

    Raises:
        Prerequisite: there are no credentials that work.
    """
    clients = Clients(order.session, order.endpoint)
    try:
        home = str(clients.get("sts", HOME_REGION).get_caller_identity()["Account"])
    except (ClientError, BotoCoreError) as error:
        raise Prerequisite(f"AWS does not know who is asking: {error}") from error
    entered = _entered(_account_ids(runbook, clients, home, errors), clients, home, order.role, errors)
    return [
        Place(clients=own, account=account, region=region)
        for account, own in entered
        for region in order.regions or _regions(runbook, own, account, errors)
    ]


def _account_ids(runbook: Runbook, clients: Clients, home: str, errors: CallErrors) -> Sequence[str]:
    if runbook.accounts == "current":
        return [home]
    if runbook.accounts != "organization":
        return list(runbook.accounts)
    try:
        pages = clients.get("organizations", HOME_REGION).get_paginator("list_accounts").paginate()
        return [entry["Id"] for page in pages for entry in page["Accounts"] if entry["Status"] == "ACTIVE"]
    except (ClientError, BotoCoreError) as error:
        errors.count(home, HOME_REGION, "organizations.list_accounts", error)
        return [home]


def _entered(
    accounts: Iterable[str], clients: Clients, home: str, role: str, errors: CallErrors
) -> Iterator[tuple[str, Clients]]:
    for account in accounts:
        if account == home:
            yield account, clients
            continue
        try:
            yield account, clients.as_role(f"arn:aws:iam::{account}:role/{role}", "phasegate-runbook")
        except (ClientError, BotoCoreError) as error:
            errors.count(account, HOME_REGION, "sts.assume_role", error)


def _regions(runbook: Runbook, clients: Clients, account: str, errors: CallErrors) -> Sequence[str]:
    if runbook.regions == "global":
        return [HOME_REGION]
    if runbook.regions != "all":
        return list(runbook.regions)
    try:
        answer = clients.get("ec2", HOME_REGION).describe_regions()
        return sorted(entry["RegionName"] for entry in answer["Regions"])
    except (ClientError, BotoCoreError) as error:
        errors.count(account, HOME_REGION, "ec2.describe_regions", error)
        return []


def survey(runbook: Runbook, scan: Scan, errors: CallErrors) -> tuple[int, list[Finding]]:
    """How many items of one place were judged, and what was found."""
    judged, found = 0, list[Finding]()
    seen = set[str]()
    for page in _pages_of(runbook, scan):
        judged += len(page)
        for finding in _judge_page(runbook, scan, page, errors):
            if finding.id in seen:
                errors.count(scan.account, scan.region, "identify", ValueError(f"two items have the id {finding.id!r}"))
            else:
                seen.add(finding.id)
                found.append(finding)
    return judged, found


def reread(runbook: Runbook, scan: Scan, wanted: set[str]) -> dict[str, Row]:
    """The items of these ids as they are now, with their details; an item that is gone is missing."""
    found: dict[str, Row] = {}
    listed = iter(_listing(runbook, scan))
    while page := list(islice(listed, _PAGE)):
        kept = [_Judged(row=row, troubles=[]) for row in page if runbook.identify(scan, row) in wanted]
        _detail(runbook, scan, kept)
        found.update((runbook.identify(scan, item.row), item.row) for item in kept)
    return found


def _listing(runbook: Runbook, scan: Scan) -> Iterable[Row]:
    if runbook.whole_listing:
        scan.items = list(runbook.list_items(scan))
        return scan.items
    return runbook.list_items(scan)


def _pages_of(runbook: Runbook, scan: Scan) -> Iterator[list[_Judged]]:
    items = (_Judged(row=row, troubles=[]) for row in _listing(runbook, scan))
    kept = (item for item in items if _is_candidate(runbook, scan, item))
    # `_items` shows what the details add, so that nothing may be judged before all of it is there
    size = None if runbook.whole_listing else _PAGE
    while page := list(islice(kept, size)):
        _detail(runbook, scan, page)
        yield page


def _is_candidate(runbook: Runbook, scan: Scan, item: _Judged) -> bool:
    test = runbook.is_candidate
    return test is None or bool(_attempt(item, "where", lambda: test(scan, item.row), True))


def _detail(runbook: Runbook, scan: Scan, page: Sequence[_Judged]) -> None:
    for detail in runbook.details:
        if isinstance(detail, PageDetail):
            _detail_page(detail, scan, page)
        elif detail.calls:
            values = list(scan.together(page, partial(_find, detail, scan)))
            for item, value in zip(page, values, strict=True):
                item.row[detail.name] = value
        else:
            for item in page:
                item.row[detail.name] = _find(detail, scan, item)


def _find(detail: Detail, scan: Scan, item: _Judged) -> Any:
    return _attempt(item, detail.name, lambda: detail.find(scan, item.row), None)


def _detail_page(detail: PageDetail, scan: Scan, page: Sequence[_Judged]) -> None:
    shared = _Judged(row={}, troubles=[])
    nothing: Sequence[Any] = [None] * len(page)
    values = _attempt(shared, detail.name, lambda: detail.find(scan, [item.row for item in page]), nothing)
    for item, value in zip(page, values, strict=True):
        item.row[detail.name] = value
        item.troubles.extend(shared.troubles)


def _attempt(item: _Judged, name: str, work: Callable[[], T], otherwise: T) -> T:
    """What the work gives; what stands in its way is noted with the item, for which it makes the verdict unknown."""
    try:
        value, troubles = watched(work)
    except Unanswered as error:
        item.troubles.append(Trouble(reason=f"{name}: {error}", certain=True))
        return otherwise
    except _CANNOT_JUDGE as error:
        item.troubles.append(Trouble(reason=f"{name} cannot be worked out: {error}", certain=True))
        return otherwise
    item.troubles.extend(Trouble(reason=f"{name}: {met.reason}", certain=met.certain) for met in troubles)
    return value


def _judge_page(runbook: Runbook, scan: Scan, page: Sequence[_Judged], errors: CallErrors) -> Iterator[Finding]:
    for item in page:
        verdict, reason = _verdict(runbook, scan, item)
        if verdict is not None:
            try:
                yield _finding(runbook, scan, item, verdict, reason)
            except _CANNOT_JUDGE as error:
                errors.count(scan.account, scan.region, "identify", error)


def _verdict(runbook: Runbook, scan: Scan, item: _Judged) -> tuple[Verdict | None, str]:
    verdict = _attempt(item, "match", lambda: _level(runbook, scan, item.row), None)
    reason = _attempt(item, "skip", lambda: _skipped(runbook, scan, item.row), None) if verdict else None
    certain = next((trouble.reason for trouble in item.troubles if trouble.certain), None)
    if certain is not None:
        return Verdict.unknown, certain
    if verdict is not None:
        return (verdict, "") if reason is None else (Verdict.skip, reason)
    return (Verdict.unknown, item.troubles[0].reason) if item.troubles else (None, "")


def _level(runbook: Runbook, scan: Scan, row: Row) -> Verdict | None:
    if runbook.is_match(scan, row):
        return Verdict.match
    return Verdict.warn if runbook.is_warning and runbook.is_warning(scan, row) else None


def _skipped(runbook: Runbook, scan: Scan, row: Row) -> str | None:
    return runbook.skip_reason(scan, row) if runbook.skip_reason else None


def _finding(runbook: Runbook, scan: Scan, item: _Judged, verdict: Verdict, reason: str) -> Finding:
    row = item.row
    nothing: Mapping[str, Any] = {}
    evidence = _attempt(item, "evidence", lambda: runbook.evidence(scan, row) if runbook.evidence else nothing, nothing)
    cost = _attempt(item, "cost", lambda: runbook.cost(scan, row) if runbook.cost else None, None)
    return Finding(
        runbook=runbook.name,
        id=str(runbook.identify(scan, row)),
        account=scan.account,
        region=scan.region,
        verdict=verdict,
        severity="low" if verdict is Verdict.warn else runbook.severity,
        reason=reason,
        evidence=evidence,
        cost=cost,
        row=row if runbook.remediate and verdict is Verdict.match else {},
    )


def _actions(runbook: Runbook, findings: Sequence[Finding], open_one: Callable[[], Scan]) -> list[str]:
    """The calls of a remediation, as a dry run over the first match notes them."""
    first = next((finding for finding in findings if finding.verdict is Verdict.match), None)
    if runbook.remediate is None or first is None:
        return []
    scan = open_one()
    try:
        planned = Planned(scan=scan)
        runbook.remediate(planned, first.row)
        return [call["call"] for call in planned.calls]
    finally:
        scan.close()
