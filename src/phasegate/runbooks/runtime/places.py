"""Accounts and regions of a scan, with their clients."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import sleep
from typing import Any

import boto3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # botocore's own
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)

from .clients import Clients
from .errors import CallErrors, Prerequisite, code_of
from .partitions import home_region, partition_in, partition_of
from .prices import PriceTable
from .runbook import Runbook

READ_ROLE = "PhasegateReadOnly"
"""The role that is assumed in other accounts to look."""
CHANGE_ROLE = "PhasegateChange"
"""The role that is assumed in other accounts to make approved changes."""
_LOG = logging.getLogger(__name__)
_ACTIVE = "ACTIVE"


@dataclass(frozen=True, kw_only=True)
class AccountRegion:
    """An account and region to look at."""

    clients: Clients
    account: str
    region: str


@dataclass(frozen=True, kw_only=True)
class Order:
    """Scope and connection of a scan."""

    now: datetime
    """With its zone."""
    regions: Sequence[str] = ()
    """Wins over the runbook's own."""
    except_regions: Sequence[str] = ()
    accounts: str | Sequence[str] = ()
    """Wins over the runbook's own: `current`, `organization`, or ids."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Overrides of the runbook's."""
    prices: PriceTable = field(default_factory=PriceTable)
    endpoint: str | None = None
    """Endpoint of AWS for tests, or None for AWS_ENDPOINT_URL or AWS itself."""
    session: boto3.Session | None = None
    """Session with the credentials, or None for boto3's own search."""
    role: str = ""
    """The role to assume in other accounts; where it is left out, `READ_ROLE`, or `CHANGE_ROLE` to apply."""
    external_id: str = ""
    """External id that the role's trust policy asks for, if any."""
    session_tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the role's session."""
    pause: Callable[[float], None] = field(default=sleep, repr=False, compare=False)
    """Waits some seconds."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Caller's identity and partition."""

    account: str
    partition: str
    region: str
    """Region whose security token service knew the credentials."""

    @property
    def home(self) -> str:
        """The region that answers for the whole account."""
        return home_region(self.partition)


def places(runbook: Runbook, order: Order, errors: CallErrors) -> Iterator[AccountRegion]:
    """Every account and region to look at, one after another: a role is assumed when its account's turn comes.

    An account that cannot be entered is an error, and is left out.

    Raises:
        Prerequisite: there are no credentials that work.
    """
    try:
        clients = Clients(order.session, order.endpoint)
    except BotoCoreError as error:
        raise Prerequisite(_said(error, "")) from error
    caller = _caller(clients, _asked_regions(runbook, order))
    return _places(runbook, order, errors, clients, caller)


def _places(
    runbook: Runbook, order: Order, errors: CallErrors, clients: Clients, caller: Caller
) -> Iterator[AccountRegion]:
    for account in _accounts(runbook, order, errors, clients, caller):
        # Entered when its turn comes: a role that was assumed early would run out while it waits.
        own = _entered(account, order, errors, clients, caller)
        for region in _regions(runbook, order, errors, own, account, caller) if own else ():
            yield AccountRegion(clients=own, account=account, region=region)  # type: ignore[arg-type]


def _asked_regions(runbook: Runbook, order: Order) -> Sequence[str]:
    return order.regions or (() if isinstance(runbook.regions, str) else runbook.regions)


def _caller(clients: Clients, asked: Sequence[str]) -> Caller:
    """Ask the security token service of the partition in scope, since credentials of one are none in another."""
    first = next(iter(asked), clients.region)
    failed: Exception | None = None
    # A regional token service may be switched off, so the partition's home and the client's own are asked too.
    for region in dict.fromkeys([first, home_region(partition_of(first)), clients.region]):
        try:
            answer = clients.get("sts", region).get_caller_identity()
        except (ClientError, BotoCoreError) as error:
            failed = failed or error
            if isinstance(error, NoCredentialsError | PartialCredentialsError):
                break
            continue
        partition = partition_in(str(answer.get("Arn") or "")) or partition_of(region)
        return Caller(account=str(answer.get("Account") or ""), partition=partition, region=region)
    raise Prerequisite(_said(failed, first)) from failed


def _said(error: Exception | None, region: str) -> str:
    """Return what is wrong with the credentials, and what to do."""
    if isinstance(error, ProfileNotFound):
        return f"{error}; 'aws configure list-profiles' shows those that there are"
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return "there are no AWS credentials: name a profile with AWS_PROFILE, or sign in with 'aws sso login'"
    if isinstance(error, ConnectionError | HTTPClientError):
        return f"AWS does not answer in {region}: {error}; look at the network, the proxy and AWS_ENDPOINT_URL"
    if not isinstance(error, ClientError):
        return f"the AWS credentials cannot be used: {error}"
    if "Expired" in code_of(error):
        return f"the AWS credentials have expired ({code_of(error)}); sign in again"
    return (
        f"AWS in {region} does not know who is asking: {error}; check the credentials, and for GovCloud or China name "
        "one of its regions, with --region or AWS_DEFAULT_REGION"
    )


def _accounts(runbook: Runbook, order: Order, errors: CallErrors, clients: Clients, caller: Caller) -> Iterator[str]:
    wanted = order.accounts or runbook.accounts
    if wanted == "current":
        yield caller.account
    elif wanted == "organization":
        yield from _members(errors, clients, caller)
    else:
        yield from dict.fromkeys(wanted)


def _members(errors: CallErrors, clients: Clients, caller: Caller) -> Iterator[str]:
    """The active accounts of the organization, which AWS calls `State`, and called `Status` until 2026."""
    listed = 0
    try:
        for page in clients.get("organizations", caller.home).get_paginator("list_accounts").paginate():
            for entry in page.get("Accounts") or ():
                listed += 1
                account, state = str(entry.get("Id")), entry.get("State") or entry.get("Status")
                if state == _ACTIVE:
                    yield account
                else:
                    errors.leave_out(account, f"the account is {state or 'in a state that AWS does not say'}")
    except (ClientError, BotoCoreError) as error:
        errors.count(caller.account, caller.home, "organizations.list_accounts", error)
        # A listing that broke off half-way has named accounts already; only one that gave none falls back to our own.
        if not listed:
            yield caller.account


def _entered(account: str, order: Order, errors: CallErrors, clients: Clients, caller: Caller) -> Clients | None:
    if account == caller.account:
        return clients
    arn = f"arn:{caller.partition}:iam::{account}:role/{order.role or READ_ROLE}"
    more: dict[str, Any] = {"ExternalId": order.external_id} if order.external_id else {}
    if order.session_tags:
        more["Tags"] = [{"Key": key, "Value": value} for key, value in sorted(order.session_tags.items())]
    try:
        own = clients.as_role(arn, caller.region, more)
        own.enter()
    except Exception as error:  # whatever is wrong with one account, the others are looked at
        _LOG.info("account %s cannot be entered", account, exc_info=error)
        errors.count(account, caller.region, "sts.assume_role", error)
        return None
    return own


def _regions(
    runbook: Runbook, order: Order, errors: CallErrors, clients: Clients, account: str, caller: Caller
) -> Iterator[str]:
    for region in order.regions or _own_regions(runbook, errors, clients, account, caller):
        if region not in order.except_regions:
            yield region


def _own_regions(runbook: Runbook, errors: CallErrors, clients: Clients, account: str, caller: Caller) -> Sequence[str]:
    if runbook.regions == "global":
        return [caller.home]
    if runbook.regions != "all":
        return list(runbook.regions)
    try:
        answer = clients.get("ec2", caller.region).describe_regions()
    except Exception as error:  # as above
        errors.count(account, caller.region, "ec2.describe_regions", error)
        return []
    return sorted(str(entry["RegionName"]) for entry in answer.get("Regions") or () if "RegionName" in entry)
