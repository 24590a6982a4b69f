"""Cost, metrics, tags and IAM policies."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from mcp.server.fastmcp import FastMCP

from unit.tools.servers.aws.conftest import Setup
from unit.tools.servers.aws.fixtures import OWN, Between, Spoilt, refusal, said

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
READS = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}]}


def month(number: int, *groups: tuple[str, str]) -> dict[str, Any]:
    return {
        "TimePeriod": {"Start": f"2026-{number:02}-01", "End": f"2026-{number + 1:02}-01"},
        "Groups": [
            {"Keys": [name], "Metrics": {"UnblendedCost": {"Amount": amount, "Unit": "USD"}}} for name, amount in groups
        ],
        "Estimated": number == 2,
    }


async def test_cost_is_exact_and_comes_in_pages(spoilable: FastMCP, between: Between) -> None:
    first = {"ResultsByTime": [month(1, ("EC2", "0.10"), ("S3", "12345678901234567.89"))], "NextPageToken": "more"}
    second = {"ResultsByTime": [month(2, ("EC2", "-3.5"))]}
    pages = [Spoilt(body=json.dumps(page).encode()) for page in (first, first, second)]
    between.spoilt["GetCostAndUsage"] = pages
    question = {"start": "2026-01-01", "end": "2026-03-01", "group_by": ["SERVICE", "TAG:owner"], "limit": 1}
    question["only"] = {"REGION": ["eu-west-1"], "LINKED_ACCOUNT": [OWN]}
    found, cursor = [], ""
    for _ in range(3):
        page = await said(spoilable, "cost_and_usage", **question, cursor=cursor)
        found += page["costs"]
        cursor = page["next_cursor"]
    assert [(cost["start"], cost["group"], cost["amount"], cost["estimated"]) for cost in found] == [
        ("2026-01-01", ["EC2"], "0.10", False),
        ("2026-01-01", ["S3"], "12345678901234567.89", False),
        ("2026-02-01", ["EC2"], "-3.5", True),
    ]
    assert ({cost["unit"] for cost in found}, cursor) == ({"USD"}, "")
    sent = [json.loads(body) for body in between.bodies]
    assert [request.get("NextPageToken") for request in sent] == [None, None, "more"]
    assert sent[0]["GroupBy"] == [{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "TAG", "Key": "owner"}]
    assert [one["Dimensions"]["Key"] for one in sent[0]["Filter"]["And"]] == ["LINKED_ACCOUNT", "REGION"]


async def test_cost_in_total_as_moto_answers(server: FastMCP, moto: str) -> None:
    total = {"UnblendedCost": {"Amount": "41.9", "Unit": "USD"}}
    result = {"ResultsByTime": [{**month(1), "Total": total}], "DimensionValueAttributes": []}
    async with httpx.AsyncClient() as admin:
        await admin.post(f"{moto}/moto-api/static/ce/cost-and-usage-results", json={"results": [result]})
    page = await said(server, "cost_and_usage", start="2026-01-01", end="2026-02-01")
    assert [(cost["group"], cost["amount"], cost["unit"]) for cost in page["costs"]] == [([], "41.9", "USD")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"end": "2026-01-01"}, "2026-01-01 is not before 2026-01-01; end is the first day that does not count"),
        ({"start": "yesterday"}, "start"),
        ({"group_by": ["A", "B", "C"]}, "at most 2"),
        ({"metric": "Guess"}, "UnblendedCost"),
        ({"cursor": "Zm9v"}, "the cursor does not belong to this question"),
    ],
)
async def test_a_cost_question_that_is_off(server: FastMCP, change: dict[str, Any], message: str) -> None:
    question = {"start": "2026-01-01", "end": "2026-02-01", **change}
    assert message in await refusal(server, "cost_and_usage", **question)


async def test_datapoints_come_in_the_order_of_time(server: FastMCP, setup: Setup) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    dimensions = [{"Name": "InstanceId", "Value": "i-1"}]
    setup("cloudwatch").put_metric_data(
        Namespace="AWS/EC2",
        MetricData=[
            {"MetricName": "CPU", "Dimensions": dimensions, "Timestamp": start + timedelta(hours=hour), "Value": value,
             "Unit": "Percent"}
            for hour, value in ((3, 30.0), (1, 10.0), (1, 20.0), (2, 0.0))
        ],
    )  # fmt: skip
    question: dict[str, Any] = {
        "namespace": "AWS/EC2", "metric": "CPU", "dimensions": {"InstanceId": "i-1"}, "region": "eu-west-1",
        "start": "2026-03-01T00:00:00Z", "end": "2026-03-01T06:00:00+00:00", "period_seconds": 3600,
    }  # fmt: skip
    average = await said(server, "metric_statistics", **question, statistic="Average")
    assert [(point["at"], point["value"]) for point in average["datapoints"]] == [
        ("2026-03-01T01:00:00Z", 15.0),
        ("2026-03-01T02:00:00Z", 0.0),
        ("2026-03-01T03:00:00Z", 30.0),
    ]
    assert average["unit"] == "Percent"
    other = {**question, "dimensions": {"InstanceId": "i-2"}}
    assert (await said(server, "metric_statistics", **other, statistic="Sum"))["datapoints"] == []


async def test_a_percentile_in_the_order_of_time(spoilable: FastMCP, between: Between) -> None:
    points = [
        {"Timestamp": 1772326800 + later, "ExtendedStatistics": {"p99": value}, "Unit": "Seconds"}
        for later, value in ((3600, 0.5), (0, 0.25))
    ]
    body = json.dumps({"Label": "x", "Datapoints": points}).encode()
    between.spoilt["GetMetricStatistics"] = [Spoilt(body=body, headers={"Content-Type": "application/x-amz-json-1.0"})]
    found = await said(
        spoilable, "metric_statistics", namespace="N", metric="M", dimensions={}, region="eu-west-1", statistic="p99",
        start="2026-03-01T00:00:00Z", end="2026-03-02T00:00:00Z", period_seconds=3600,
    )  # fmt: skip
    assert [point["value"] for point in found["datapoints"]] == [0.25, 0.5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"period_seconds": 60}, "these times and this period make 1440 datapoints; choose start before end"),
        ({"end": "2026-02-01T00:00:00Z"}, "-672 datapoints"),
        ({"start": "2026-03-01T00:00:00"}, "timezone"),
        ({"period_seconds": 90}, "multiple of 60"),
        ({"statistic": "p101"}, "pattern"),
    ],
)
async def test_a_metric_question_that_is_off(server: FastMCP, change: dict[str, Any], message: str) -> None:
    question = {
        "namespace": "N", "metric": "M", "dimensions": {}, "region": "eu-west-1", "statistic": "Sum",
        "start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z", "period_seconds": 3600, **change,
    }  # fmt: skip
    assert message in await refusal(server, "metric_statistics", **question)


async def test_resources_by_their_tags_in_pages(server: FastMCP, setup: Setup) -> None:
    for number in range(3):
        tags = [{"Key": "team", "Value": "shop"}, {"Key": "number", "Value": str(number)}]
        spec = [{"ResourceType": "volume", "Tags": tags}]
        setup("ec2").create_volume(AvailabilityZone="eu-west-1a", Size=1, TagSpecifications=spec)
    other = [{"ResourceType": "volume", "Tags": [{"Key": "team", "Value": "bills"}]}]
    setup("ec2").create_volume(AvailabilityZone="eu-west-1a", Size=1, TagSpecifications=other)
    question = {"region": "eu-west-1", "tag_filters": {"team": ["shop"]}, "resource_types": ["ec2:volume"], "limit": 2}
    first = await said(server, "resource_tags", **question)
    second = await said(server, "resource_tags", **question, cursor=first["next_cursor"])
    found = first["resources"] + second["resources"]
    assert (len(first["resources"]), second["next_cursor"]) == (2, "")
    assert {one["tags"]["number"] for one in found} == {"0", "1", "2"}
    assert all(one["arn"].startswith(f"arn:aws:ec2:eu-west-1:{OWN}:volume/") for one in found)
    changed = {**question, "tag_filters": {"team": ["bills"]}}
    assert "does not belong" in await refusal(server, "resource_tags", **changed, cursor=first["next_cursor"])


async def test_what_a_role_may_do(server: FastMCP, setup: Setup) -> None:
    iam = setup("iam")
    iam.create_role(RoleName="sweeper", Path="/ops/", AssumeRolePolicyDocument=json.dumps(TRUST))
    arn = iam.create_policy(PolicyName="reads", PolicyDocument=json.dumps(READS))["Policy"]["Arn"]
    newer = READS | {"Id": "second"}
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(newer), SetAsDefault=True)
    iam.attach_role_policy(RoleName="sweeper", PolicyArn=arn)
    iam.put_role_policy(RoleName="sweeper", PolicyName="extra", PolicyDocument=json.dumps(READS))
    found = await said(server, "iam_role_policies", role="sweeper")
    assert found == {
        "role": "sweeper",
        "arn": f"arn:aws:iam::{OWN}:role/ops/sweeper",
        "trust": TRUST,
        "permissions_boundary": "",
        "attached": [{"name": "reads", "arn": arn, "document": newer}],
        "inline": [{"name": "extra", "arn": "", "document": READS}],
    }


async def test_a_role_that_is_not_there(server: FastMCP) -> None:
    shown = await refusal(server, "iam_role_policies", role="nobody")
    assert shown.startswith("iam:GetRole in us-east-1 of the server's own account found no such thing; AWS said NoSuch")
    assert "pattern" in await refusal(server, "iam_role_policies", role="arn:aws:iam::1:role/x")


async def test_what_iam_would_decide(spoilable: FastMCP, between: Between) -> None:
    """moto has no simulation: the answer is written here as IAM writes it."""

    def answer(action: str, decision: str, marker: str) -> Spoilt:
        body = f"""<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">
            <SimulatePrincipalPolicyResult><EvaluationResults><member><EvalActionName>{action}</EvalActionName>
            <EvalResourceName>*</EvalResourceName><EvalDecision>{decision}</EvalDecision>
            <MissingContextValues><member>aws:RequestedRegion</member></MissingContextValues></member>
            </EvaluationResults>{marker}</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"""
        return Spoilt(body=body.encode())

    between.spoilt["SimulatePrincipalPolicy"] = [
        answer("ec2:DescribeVolumes", "allowed", "<IsTruncated>true</IsTruncated><Marker>m</Marker>"),
        answer("ec2:DeleteVolume", "implicitDeny", ""),
    ]
    question = {
        "principal": f"arn:aws:iam::{OWN}:role/sweeper",
        "actions": ["ec2:DescribeVolumes", "ec2:DeleteVolume"],
    }
    first = await said(spoilable, "iam_simulate", **question)
    second = await said(spoilable, "iam_simulate", **question, cursor=first["next_cursor"])
    assert [(one["action"], one["decision"]) for one in first["decisions"] + second["decisions"]] == [
        ("ec2:DescribeVolumes", "allowed"),
        ("ec2:DeleteVolume", "implicitDeny"),
    ]
    assert first["decisions"][0]["missing_context"] == ["aws:RequestedRegion"]
    assert (between.sent[1]["Marker"], second["next_cursor"]) == (["m"], "")
