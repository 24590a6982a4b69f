"""What goes wrong between us and AWS, and what the agent is told to do about it."""

import asyncio
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.server.fastmcp import FastMCP

from phasegate.tools.servers.aws.server import build
from unit.tools.servers.aws.conftest import Setup, post
from unit.tools.servers.aws.fixtures import KEY, SECRET, Between, Spoilt, refusal, said, text

VOLUMES: dict[str, Any] = {"operation": "ec2:DescribeVolumes", "region": "eu-west-1"}
READING = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*"}}'


EMPTY = b"<DescribeVolumesResponse><volumeSet/></DescribeVolumesResponse>"


def ec2_error(code: str, status: int, **headers: str) -> Spoilt:
    body = f"<Response><Errors><Error><Code>{code}</Code><Message>No.</Message></Error></Errors></Response>"
    return Spoilt(status=status, body=body.encode(), headers={k.replace("_", "-"): v for k, v in headers.items()})


@pytest.mark.parametrize(
    ("spoilt", "message", "fix"),
    [
        (ec2_error("RequestExpired", 400), "the AWS credentials for ec2:DescribeVolumes in eu-west-1", "renew them"),
        (ec2_error("ExpiredToken", 400), "have expired", "renew them"),
        (ec2_error("AuthFailure", 401), "AWS does not accept the credentials", "that the region is enabled"),
        (ec2_error("UnauthorizedOperation", 403), "no permission for ec2:DescribeVolumes", "allow ec2:DescribeVolumes"),
        (ec2_error("RequestLimitExceeded", 503), "AWS throttles ec2:DescribeVolumes", "wait 60 s, then ask again"),
        (ec2_error("Throttling", 400, Retry_After="17"), "AWS throttles", "wait 17 s, then ask again"),
        (ec2_error("SlowDown", 429, Retry_After="9999999"), "AWS throttles", "wait 3600 s, then ask again"),
        (ec2_error("Throttling", 429, Retry_After="²"), "AWS throttles", "wait 60 s, then ask again"),
        (ec2_error("Whatever", 429, Retry_After="5"), "AWS throttles", "wait 5 s, then ask again"),
        (ec2_error("InternalError", 500), "failed inside AWS (InternalError, 500)", "ask again in a minute"),
        (ec2_error("Unavailable", 503), "failed inside AWS (Unavailable, 503)", "ask again in a minute"),
        (ec2_error("InvalidNextToken", 400), "the cursor for ec2:DescribeVolumes is no longer good", "start again"),
        (ec2_error("OptInRequired", 401), "is not subscribed to what ec2:DescribeVolumes needs", "enable the service"),
        (ec2_error("InvalidParameterValue", 400), "was not accepted; AWS said InvalidParameterValue: No.", "correct"),
        (Spoilt(status=500, body=b"<html>Oops"), "failed inside AWS (500, 500)", "ask again in a minute"),
        (Spoilt(body=EMPTY, cut=True), "broke off or made no sense", "nothing was changed by asking"),
        (Spoilt(body=EMPTY, halved=True), "broke off or made no sense", "nothing was changed by asking"),
        (Spoilt(body=b"\xff\x00<<"), "broke off or made no sense", "nothing was changed by asking"),
    ],
)
async def test_a_failure_names_the_call_and_what_to_do(
    spoilable: FastMCP, between: Between, spoilt: Spoilt, message: str, fix: str
) -> None:
    between.spoilt["DescribeVolumes"] = [spoilt]
    shown = await refusal(spoilable, "list_resources", **VOLUMES)
    assert message in shown
    assert fix in shown
    assert "ec2:DescribeVolumes" in shown
    assert SECRET not in shown
    assert KEY not in shown
    assert len(between.asked) == 1


async def test_a_call_that_is_throttled_once_is_made_again(environ: dict[str, str], between: Between) -> None:
    server = build({**environ, "AWS_ENDPOINT_URL": between.address, "AWS_MAX_ATTEMPTS": "2"})
    between.spoilt["DescribeVolumes"] = [
        ec2_error("RequestLimitExceeded", 503, x_amz_retry_after="1"),
        Spoilt(body=EMPTY),
    ]
    assert (await said(server, "list_resources", **VOLUMES))["rows"] == []
    between.spoilt["DescribeVolumes"] = [ec2_error("RequestLimitExceeded", 503, x_amz_retry_after="1")] * 9
    assert "AWS throttles" in await refusal(server, "list_resources", **VOLUMES)
    assert between.asked == ["DescribeVolumes"] * 4


async def test_attempts_are_bounded_whatever_the_environment_asks_for(environ: dict[str, str]) -> None:
    from phasegate.core import SystemClock
    from phasegate.tools.servers.aws.sessions import Sessions

    for asked, made in (("", 3), ("0", 1), ("99", 5), ("many", 3)):
        client = Sessions({**environ, "AWS_MAX_ATTEMPTS": asked}, SystemClock()).client("sts", "eu-west-1")
        config = client.meta.config
        assert (config.retries["total_max_attempts"], config.retries["mode"]) == (made, "standard")
        assert (config.connect_timeout, config.read_timeout) == (5, 30)


async def test_an_answer_that_breaks_off_is_unknown_for_its_region_alone(spoilable: FastMCP, between: Between) -> None:
    between.spoilt["DescribeVolumes"] = [Spoilt(body=EMPTY, cut=True), Spoilt(body=EMPTY)]
    counts = await said(
        spoilable, "count_resources", operation="ec2:DescribeVolumes", regions=["eu-west-1", "us-east-1"]
    )
    unknown = [region for region in counts["regions"] if region["count"] is None]
    assert [("broke off" in region["error"], region["capped"]) for region in unknown] == [(True, False)]
    assert not counts["complete"]


async def test_nobody_at_the_address(environ: dict[str, str]) -> None:
    shown = await refusal(build({**environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}), "list_resources", **VOLUMES)
    assert shown.startswith("ec2:DescribeVolumes in eu-west-1 of the server's own account: AWS cannot be reached")
    assert shown.endswith("check the network, the proxy and AWS_ENDPOINT_URL of this server")


async def test_a_page_that_comes_twice_ends_the_listing(spoilable: FastMCP, between: Between) -> None:
    body = b"<Answer><nextToken>same</nextToken><volumeSet/></Answer>"
    between.spoilt["DescribeVolumes"] = [Spoilt(body=body)] * 3
    assert "answered one page twice" in await refusal(spoilable, "list_resources", **VOLUMES)


@pytest.fixture
def enforced(moto: str, setup: Setup) -> Iterator[dict[str, str]]:
    """IAM decides: the key of a user who may list users, and nothing else."""
    setup("iam").create_user(UserName="agent")
    setup("iam").put_user_policy(UserName="agent", PolicyName="reads", PolicyDocument=READING)
    key = setup("iam").create_access_key(UserName="agent")["AccessKey"]
    post(f"{moto}/moto-api/reset-auth", b"0")
    yield {
        "AWS_ENDPOINT_URL": moto,
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        "AWS_MAX_ATTEMPTS": "1",
    }
    post(f"{moto}/moto-api/reset-auth", b"Infinity")


async def test_what_iam_denies_is_named_with_the_action_to_allow(enforced: dict[str, str]) -> None:
    server = build(enforced)
    users = await said(server, "list_resources", operation="iam:ListUsers", region="eu-west-1", fields=["UserName"])
    assert [row["values"] for row in users["rows"]] == [{"UserName": "agent"}]
    volumes = await refusal(server, "list_resources", **VOLUMES)
    assert volumes.startswith(
        "no permission for ec2:DescribeVolumes in eu-west-1 of the server's own account; AWS said"
    )
    assert volumes.endswith(
        "allow ec2:DescribeVolumes in the IAM policy of the identity that this server uses (caller_identity names it)"
    )
    role = await refusal(server, "iam_role_policies", role="anything")
    assert "allow iam:GetRole in the IAM policy" in role


async def test_a_wrong_key_is_told_from_a_missing_permission(enforced: dict[str, str]) -> None:
    for wrong in ({"AWS_SECRET_ACCESS_KEY": "other"}, {"AWS_ACCESS_KEY_ID": "AKIANOBODY0000000000"}):
        shown = await refusal(build({**enforced, **wrong}), "list_resources", **VOLUMES)
        assert shown.startswith("AWS does not accept the credentials for ec2:DescribeVolumes in eu-west-1")
        assert "check the keys" in shown


async def test_over_stdio_as_any_client_starts_it(moto: str, tmp_path: Any) -> None:
    """Without credentials the server starts; with them it answers."""
    bare = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": moto}
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    without, given = await asyncio.gather(_over_stdio(bare), _over_stdio(bare | keys))
    assert without.isError
    assert text(without).endswith(
        "there are no usable AWS credentials for sts:GetCallerIdentity; "
        "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, where this server is started"
    )
    assert json.loads(text(given))["account"] == "123456789012"


async def test_a_profile_that_is_not_there_is_the_first_call_s_error(environ: dict[str, str]) -> None:
    profile = {"AWS_PROFILE": "nowhere-to-be-found", "AWS_ENDPOINT_URL": environ["AWS_ENDPOINT_URL"]}
    assert "there are no usable AWS credentials" in await refusal(build(profile), "caller_identity")


async def _over_stdio(environ: dict[str, str]) -> Any:
    started = StdioServerParameters(command=sys.executable, args=["-m", "phasegate.cli", "mcp", "aws"], env=environ)
    async with stdio_client(started) as (read, write), ClientSession(read, write) as client:
        await client.initialize()
        return await client.call_tool("caller_identity", {})
