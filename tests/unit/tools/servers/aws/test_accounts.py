"""Other accounts: through Organizations and an assumed role, kept until shortly before it ends."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mcp.server.fastmcp import FastMCP

from phasegate.core import FixedClock, InvalidInput
from phasegate.tools.servers.aws.server import build
from unit.tools.servers.aws.conftest import Setup
from unit.tools.servers.aws.fixtures import OWN, Between, Spoilt, refusal, said

EMPTY = b"<DescribeVolumesResponse><volumeSet/></DescribeVolumesResponse>"
OTHER = "111122223333"
EXPIRED = b"<Response><Errors><Error><Code>RequestExpired</Code><Message>.</Message></Error></Errors></Response>"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime.now(UTC))


@pytest.fixture
def elsewhere(environ: dict[str, str], between: Between, clock: FixedClock) -> FastMCP:
    """A server of its own: it holds no session of another test."""
    return build({**environ, "AWS_ENDPOINT_URL": between.address, "PHASEGATE_AWS_EXTERNAL_ID": "x-17"}, clock)


async def test_the_accounts_of_the_organization_and_what_is_in_them(elsewhere: FastMCP, setup: Setup) -> None:
    setup("organizations").create_organization(FeatureSet="ALL")
    made = setup("organizations").create_account(Email="shop@example.org", AccountName="shop")
    shop = made["CreateAccountStatus"]["AccountId"]
    setup("ec2").create_volume(AvailabilityZone="eu-west-1a", Size=1)

    found = await said(elsewhere, "list_accounts")
    ids = {account["name"]: account["id"] for account in found["accounts"]}
    assert ids["shop"] == shop
    assert OWN in ids.values()
    assert "example.org" not in str(found)
    raw = await said(elsewhere, "list_resources", operation="organizations:ListAccounts", region="us-east-1")
    assert {row["values"]["Email"] for row in raw["rows"]} == {"(withheld)"}  # the service's model calls it sensitive
    identity = await said(elsewhere, "caller_identity", account=shop)
    assert identity["arn"] == f"arn:aws:sts::{shop}:assumed-role/phasegate-read/phasegate"
    counts = [
        (await said(elsewhere, "count_resources", operation="ec2:DescribeVolumes", regions=["eu-west-1"], account=who))
        for who in ("", OWN, shop)
    ]
    assert [count["regions"][0]["count"] for count in counts] == [1, 1, 0]


async def test_accounts_come_in_pages(server: FastMCP, setup: Setup) -> None:
    setup("organizations").create_organization(FeatureSet="ALL")
    for number in range(4):
        setup("organizations").create_account(Email=f"{number}@example.org", AccountName=f"team-{number}")
    names: list[str] = []
    cursor = ""
    for expected in (2, 2, 1):
        page = await said(server, "list_accounts", limit=2, cursor=cursor)
        cursor = page["next_cursor"]
        names += [account["name"] for account in page["accounts"]]
        assert len(page["accounts"]) == expected
    assert (len(set(names)), cursor) == (5, "")


async def test_an_account_outside_any_organization_says_so(spoilable: FastMCP, between: Between) -> None:
    body = b'{"__type": "AWSOrganizationsNotInUseException", "message": "Your account is not a member."}'
    between.spoilt["ListAccounts"] = [Spoilt(status=400, body=body)]
    assert await refusal(spoilable, "list_accounts") == (
        "us-east-1 of the server's own account is not a member of an organization; "
        "use credentials of the management account, or name the accounts yourself"
    )
    denied = b'{"__type": "AccessDeniedException", "Message": "no"}'
    between.spoilt["ListAccounts"] = [Spoilt(status=400, body=denied)]
    assert "no permission for organizations:ListAccounts" in await refusal(spoilable, "list_accounts")


async def test_a_session_is_kept_until_shortly_before_it_ends(
    elsewhere: FastMCP, between: Between, clock: FixedClock
) -> None:
    start = clock.now()
    for minutes, sessions in ((0, 1), (50, 1), (54, 1), (56, 2)):
        clock.move(start + timedelta(minutes=minutes))
        await said(elsewhere, "caller_identity", account=OTHER)
        assert between.asked.count("AssumeRole") == sessions, minutes
    (first, _) = (form for form in between.sent if form.get("Action") == ["AssumeRole"])
    assert first["RoleArn"] == [f"arn:aws:iam::{OTHER}:role/audit/phasegate-read"]
    assert first["ExternalId"] == ["x-17"]
    assert first["RoleSessionName"] == ["phasegate"]


async def test_a_session_that_aws_ended_is_replaced_at_the_next_call(elsewhere: FastMCP, between: Between) -> None:
    question: dict[str, Any] = {"operation": "ec2:DescribeVolumes", "region": "eu-west-1", "account": OTHER}
    between.spoilt["DescribeVolumes"] = [Spoilt(body=EMPTY), Spoilt(status=400, body=EXPIRED), Spoilt(body=EMPTY)]
    await said(elsewhere, "list_resources", **question)
    assert f"in eu-west-1 of account {OTHER} have expired" in await refusal(elsewhere, "list_resources", **question)
    await said(elsewhere, "list_resources", **question)
    assert between.asked.count("AssumeRole") == 2


async def test_a_role_that_may_not_be_assumed_is_named(elsewhere: FastMCP, between: Between) -> None:
    body = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized</Message></Error></ErrorResponse>"
    between.spoilt["AssumeRole"] = [Spoilt(status=403, body=body)]
    shown = await refusal(elsewhere, "caller_identity", account=OTHER)
    assert shown.startswith(f"no permission for sts:AssumeRole in arn:aws:iam::{OTHER}:role/audit/phasegate-read")
    assert "x-17" not in shown


async def test_without_a_role_there_is_no_other_account(environ: dict[str, str]) -> None:
    del environ["PHASEGATE_AWS_ROLE"]
    server = build(environ)
    assert await refusal(server, "caller_identity", account=OTHER) == (
        f"there is no role to assume in account {OTHER}; "
        "set PHASEGATE_AWS_ROLE to the name of a role that every account has, or ask without an account"
    )
    assert (await said(server, "caller_identity", account=OWN))["account"] == OWN


@pytest.mark.parametrize("account", ["12345678901", "1234567890123", "12345678901a", "arn:aws", "１２" * 6, " "])
async def test_a_malformed_account_is_refused(server: FastMCP, account: str) -> None:
    shown = await refusal(server, "caller_identity", account=account)
    assert shown == f"{account!r} is no AWS account; write the 12 digits, or leave it empty (reason: invalid)"


@pytest.mark.parametrize("role", ["arn:aws:iam::111122223333:role/x", "a//b", "a/", "two words", "x" * 600])
def test_a_role_that_is_no_name_stops_the_start(environ: dict[str, str], role: str) -> None:
    with pytest.raises(InvalidInput, match="PHASEGATE_AWS_ROLE is no name of a role") as wrong:
        build({**environ, "PHASEGATE_AWS_ROLE": role})
    assert wrong.value.fix == "set it to a name or path/name, not to an ARN"
