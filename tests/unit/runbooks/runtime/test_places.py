"""Where a scan looks, whose credentials look, and that nothing one place does ends the others."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto.moto_api._internal.models import moto_api_backend

from phasegate.runbooks.runtime import Order, Prerequisite, Runbook, Scan, run
from phasegate.runbooks.runtime.scan import Row
from unit.runbooks.runtime.misbehaving import Rule, Server, serving

NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)
MEMBER = "210987654321"
HOME = "123456789012"


def volumes(scan: Scan) -> Iterator[Row]:
    return scan.rows("ec2", "describe_volumes", "Volumes")


def runbook(**more: Any) -> Runbook:
    given: dict[str, Any] = {"regions": ("eu-west-1", "eu-central-1"), **more}
    return Runbook(
        name="volumes",
        title="Volumes",
        kind="waste",
        severity="low",
        list_items=volumes,
        identify=lambda scan, row: str(row["VolumeId"]),
        is_match=lambda scan, row: True,
        **given,
    )


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def aws() -> Iterator[Server]:
    with serving() as server:
        yield server
    moto_api_backend.reset()


def client(aws: Server, service: str, region: str = "us-east-1") -> Any:
    session: Any = boto3.Session()
    return session.client(service, region_name=region, endpoint_url=aws.url)


def volume(aws: Server, region: str) -> str:
    made = client(aws, "ec2", region).create_volume(Size=1, AvailabilityZone=f"{region}a")
    aws.calls.clear()
    return str(made["VolumeId"])


def look(aws: Server, made: Runbook, **more: Any) -> Any:
    given: dict[str, Any] = {"pause": lambda seconds: None, **more}
    return run(made, Order(now=NOW, endpoint=aws.url, **given))


@pytest.mark.parametrize("member", ["State", "Status"])
def test_the_active_accounts_of_an_organization_are_looked_at(aws: Server, member: str) -> None:
    organizations = client(aws, "organizations")
    organizations.create_organization(FeatureSet="ALL")
    organizations.create_account(AccountName="one", Email="one@example.com")
    aws.rules = [Rule("ListAccounts", replace=(r'"Stat(?:e|us)": "ACTIVE"', f'"{member}": "ACTIVE"'))]
    kept = volume(aws, "eu-west-1")
    report = look(aws, runbook(accounts="organization"))
    assert [finding.id for finding in report.findings] == [kept]
    assert report.errors == []
    assert sum(action == "DescribeVolumes" for _, _, action in aws.calls) == 4  # two accounts, two regions


def test_accounts_that_are_not_active_are_said(aws: Server) -> None:
    client(aws, "organizations").create_organization(FeatureSet="ALL")
    aws.rules = [Rule("ListAccounts", replace=(r'"Stat(?:e|us)": "ACTIVE"', '"State": "PENDING_CLOSURE"'))]
    report = look(aws, runbook(accounts="organization"))
    assert report.left_out == {HOME: "the account is PENDING_CLOSURE"}
    assert report.document()["left_out"]
    assert report.findings == []


def test_an_organization_without_any_state_is_no_traceback(aws: Server) -> None:
    client(aws, "organizations").create_organization(FeatureSet="ALL")
    aws.rules = [Rule("ListAccounts", replace=(r'"Stat(?:e|us)": "ACTIVE",?', ""))]
    assert "does not say" in look(aws, runbook(accounts="organization")).left_out[HOME]


@pytest.mark.parametrize(("region", "other"), [("us-gov-west-1", "us-gov-east-1"), ("cn-north-1", "cn-northwest-1")])
def test_a_partition_of_its_own_is_asked_in_its_own_regions(aws: Server, region: str, other: str) -> None:
    aws.rules = [Rule(".*", region="us-east-1", code="InvalidClientTokenId", status=403)]
    kept = volume(aws, region)
    report = look(aws, runbook(regions=(region, other)))
    assert ([finding.id for finding in report.findings], report.errors) == ([kept], [])


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_a_role_is_named_in_the_callers_partition(aws: Server, region: str, partition: str) -> None:
    look(aws, runbook(regions=(region,), accounts=(MEMBER,)), external_id="x-1", session_tags={"why": "scan"})
    (asked,) = [body for call, body in zip(aws.calls, aws.bodies, strict=True) if call[2] == "AssumeRole"]
    assert f"arn%3A{partition}%3Aiam%3A%3A{MEMBER}%3Arole%2FPhasegateReadOnly" in asked
    assert "ExternalId=x-1" in asked
    assert "Tags.member.1.Key=why" in asked


def test_what_answers_for_the_account_is_asked_at_the_partitions_home(aws: Server) -> None:
    report = look(aws, runbook(regions="global"), session=boto3.Session("a", "b", region_name="us-gov-east-1"))
    assert report.regions == ["us-gov-west-1"]


def test_a_session_that_ends_is_renewed(aws: Server) -> None:
    aws.rules = [Rule("DescribeVolumes", code="RequestExpired", until="AssumeRole")]
    report = look(aws, runbook(accounts=(MEMBER,)))
    assert report.errors == []
    assert sum(count for call, count in aws.counted().items() if call[2] == "AssumeRole") == 2


@pytest.mark.slow
def test_a_role_is_assumed_when_its_accounts_turn_comes(aws: Server) -> None:
    members = tuple(f"{number:012}" for number in range(1, 21))
    look(aws, runbook(accounts=members, regions=("eu-west-1",)))
    actions = [action for _, _, action in aws.calls]
    first = actions.index("DescribeVolumes")
    assert actions[:first].count("AssumeRole") < len(members)


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        pytest.param(
            Rule("DescribeVolumes", "eu-central-1", raw="<!DOCTYPE html><p>busy", status=500),
            "UnreadableAnswer",
            marks=pytest.mark.slow,  # all twelve tries, with botocore's own pauses
        ),
        (Rule("DescribeVolumes", "eu-central-1", raw="<html><p>sign in</html>", status=200), "UnreadableAnswer"),
        (Rule("DescribeVolumes", "eu-central-1", raw="<DescribeVol", status=200, kind="text/xml"), "UnreadableAnswer"),
        (Rule("DescribeVolumes", "eu-central-1", code="OptInRequired", status=401), "OptInRequired"),
        (Rule("DescribeVolumes", "eu-central-1", code="ExpiredToken", status=400), "ExpiredToken"),
        (Rule("DescribeVolumes", "eu-central-1", code="UnauthorizedOperation", status=403), "UnauthorizedOperation"),
    ],
)
def test_one_place_that_fails_costs_a_line(aws: Server, rule: Rule, code: str) -> None:
    kept = volume(aws, "eu-west-1")
    aws.rules = [rule]
    report = look(aws, runbook())
    assert [finding.id for finding in report.findings] == [kept]
    assert [(error.region, error.code) for error in report.errors] == [("eu-central-1", code)]


def test_a_page_that_is_no_answer_is_asked_for_again(aws: Server) -> None:
    kept = volume(aws, "eu-west-1")
    aws.rules = [Rule("DescribeVolumes", raw="<!doctype html><p>busy", status=200, times=2)]
    report = look(aws, runbook(regions=("eu-west-1",)))
    assert ([finding.id for finding in report.findings], report.errors) == ([kept], [])


def test_a_web_page_in_place_of_json_is_not_an_empty_answer(aws: Server) -> None:
    aws.rules = [Rule("ListClusters", raw="<html>sign in</html>", status=200)]
    made = runbook(regions=("eu-west-1",))
    report = look(aws, _listing(made, lambda scan: scan.rows("ecs", "list_clusters", "clusterArns")))
    assert [error.code for error in report.errors] == ["UnreadableAnswer"]


def test_a_fault_of_the_runbook_in_one_place_is_counted_there(aws: Server) -> None:
    kept = volume(aws, "eu-west-1")

    def listing(scan: Scan) -> Iterator[Row]:
        if scan.region == "eu-central-1":
            raise ZeroDivisionError("nobody thought of this")
        return volumes(scan)

    report = look(aws, _listing(runbook(), listing))
    assert [finding.id for finding in report.findings] == [kept]
    assert [(error.region, error.call, error.code) for error in report.errors] == [
        ("eu-central-1", "scan", "ZeroDivisionError")
    ]


def test_an_account_that_cannot_be_entered_costs_a_line(aws: Server) -> None:
    kept = volume(aws, "eu-west-1")
    aws.rules = [Rule("AssumeRole", code="AccessDenied", status=403)]
    report = look(aws, runbook(accounts=(HOME, MEMBER)))
    assert [finding.id for finding in report.findings] == [kept]
    assert [(error.account, error.call) for error in report.errors] == [(MEMBER, "sts.assume_role")]


def test_a_region_that_is_left_out_is_not_asked(aws: Server) -> None:
    report = look(aws, runbook(), except_regions=("eu-central-1",))
    assert report.regions == ["eu-west-1"]
    assert {region for service, region, _ in aws.calls if service == "ec2"} == {"eu-west-1"}


@pytest.mark.parametrize(
    ("times", "failed"),
    [(15, []), (10**9, ["ReportInProgress"])],
)
def test_a_report_is_waited_for_up_to_five_minutes(aws: Server, times: int, failed: list[str]) -> None:
    waited: list[float] = []
    aws.rules = [Rule("GetCredentialReport", code="ReportInProgress", status=404, times=times)]
    client(aws, "iam").generate_credential_report()

    def report(scan: Scan) -> Iterator[Row]:
        return scan.rows("iam", "get_credential_report", None)

    made = _listing(runbook(regions="global"), report)
    found = look(aws, made, pause=waited.append)
    assert [error.code for error in found.errors] == failed
    assert len(waited) >= 15
    assert sum(waited) < 310
    assert max(waited) <= 5


def test_listings_of_ec2_have_a_page_size(aws: Server) -> None:
    look(aws, runbook(regions=("eu-west-1",)))
    (asked,) = [body for call, body in zip(aws.calls, aws.bodies, strict=True) if call[2] == "DescribeVolumes"]
    assert "MaxResults=500" in asked


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"AWS_PROFILE": "tpyo"}, "aws configure list-profiles"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "AWS_ENDPOINT_URL"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "aws sso login"),
    ],
)
def test_what_is_wrong_before_the_first_call_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], said: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(Prerequisite, match=said):
        run(runbook(), Order(now=NOW))


def _listing(made: Runbook, listing: Any) -> Runbook:
    return replace(made, list_items=listing, identify=lambda scan, row: str(row.get("VolumeId")))
