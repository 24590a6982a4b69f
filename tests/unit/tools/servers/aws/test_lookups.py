"""Searches of an account: metrics, events, configuration and resources."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mcp.server.fastmcp import FastMCP

from unit.tools.servers.aws.conftest import Setup
from unit.tools.servers.aws.fixtures import OWN, Between, refusal, said
from unit.tools.servers.aws.test_finops import REGION, answer, error, sent

START = datetime(2026, 11, 1, tzinfo=UTC)
TIMES = {"start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z", "region": REGION}
CPU = {
    "id": "cpu",
    "period_seconds": 3600,
    "namespace": "AWS/EC2",
    "metric": "CPU",
    "dimensions": {"InstanceId": "i-1"},
}


async def test_metric_data_as_moto_keeps_them(server: FastMCP, setup: Setup) -> None:
    setup("cloudwatch").put_metric_data(
        Namespace="AWS/EC2",
        MetricData=[
            {
                "MetricName": "CPU",
                "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
                "Timestamp": START + timedelta(hours=hour),
                "Value": value,
            }
            for hour, value in ((3, 30.0), (1, 0.0))
        ],
    )
    silent = {**CPU, "id": "silent", "dimensions": {"InstanceId": "i-2"}}
    page = await said(server, "metric_data", queries=[CPU, silent], **TIMES)
    assert [
        (each["id"], [(point["at"], point["value"]) for point in each["datapoints"]]) for each in page["series"]
    ] == [
        ("cpu", [("2026-11-01T01:00:00Z", 0.0), ("2026-11-01T03:00:00Z", 30.0)]),
        ("silent", []),
    ]


async def test_metric_data_come_in_pages_and_say_what_is_missing(spoilable: FastMCP, between: Between) -> None:
    first = {
        "MetricDataResults": [{"Id": "ratio", "Label": "x", "StatusCode": "PartialData"}],
        "Messages": [{"Code": "MaxMetricsExceeded", "Value": "Too many."}],
        "NextToken": "more",
    }
    second = {"MetricDataResults": [{"Id": "ratio", "Timestamps": [START], "Values": [1.5], "StatusCode": "Complete"}]}
    between.spoilt["GetMetricData"] = [answer("cloudwatch", "GetMetricData", body) for body in (first, second)]
    ratio = {"id": "ratio", "period_seconds": 60, "expression": "cpu / 2"}
    one = await said(spoilable, "metric_data", queries=[CPU, ratio], **TIMES)
    two = await said(spoilable, "metric_data", queries=[CPU, ratio], **TIMES, cursor=one["next_cursor"])
    assert (one["series"][0]["status"], one["series"][0]["datapoints"]) == ("PartialData", [])
    assert one["messages"] == ["MaxMetricsExceeded: Too many."]
    assert (two["series"][0]["datapoints"], two["next_cursor"]) == ([{"at": "2026-11-01T00:00:00Z", "value": 1.5}], "")
    assert [request.get("NextToken") for request in sent(between)] == [None, "more"]
    assert sent(between)[0]["MetricDataQueries"][1] == {"Id": "ratio", "Expression": "cpu / 2", "Period": 60}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"id": "a", "period_seconds": 60}, "query 'a' has both a metric and an expression, or none"),
        ({**CPU, "expression": "cpu"}, "both a metric and an expression"),
        ({**CPU, "id": "Upper"}, "id"),
        ({**CPU, "period_seconds": 61}, "multiple of 60"),
        ({**CPU, "statistic": "Guess"}, "statistic"),
    ],
)
async def test_a_metric_query_that_is_off(server: FastMCP, query: dict[str, Any], message: str) -> None:
    assert message in await refusal(server, "metric_data", queries=[query], **TIMES)


def event(**more: Any) -> dict[str, Any]:
    detail = {
        "awsRegion": REGION,
        "userIdentity": {"arn": f"arn:aws:iam::{OWN}:user/mia"},
        "sourceIPAddress": "203.0.113.7",
        "errorCode": "AccessDenied",
        "requestParameters": {"masterUserPassword": "hunter2hunter2"},
        "responseElements": {"credentials": {"sessionToken": "very-secret"}},
    }
    return {
        "EventId": "e-1",
        "EventName": "ModifyDBInstance",
        "ReadOnly": "false",
        "AccessKeyId": "AKIAPHASEGATETESTS99",
        "EventTime": START,
        "EventSource": "rds.amazonaws.com",
        "Username": "mia",
        "Resources": [{"ResourceType": "AWS::RDS::DBInstance", "ResourceName": "db-1"}],
        "CloudTrailEvent": json.dumps(detail),
        **more,
    }


async def test_events_say_who_did_what_and_not_what_was_sent(spoilable: FastMCP, between: Between) -> None:
    rows = [event(), event(CloudTrailEvent="no JSON", ReadOnly="")]
    body = {"Events": rows, "NextToken": "more"}
    between.spoilt["LookupEvents"] = [answer("cloudtrail", "LookupEvents", body), error("ThrottlingException")]
    question = {**TIMES, "attribute": "ResourceName", "value": "db-1", "limit": 2}
    page = await said(spoilable, "trail_events", **question)
    first, second = page["events"]
    assert (first["event"], first["principal"], first["error"], first["read_only"], first["resources"]) == (
        "ModifyDBInstance",
        f"arn:aws:iam::{OWN}:user/mia",
        "AccessDenied",
        False,
        ["db-1"],
    )
    assert (second["principal"], second["read_only"]) == ("", None)
    assert not any(secret in json.dumps(page) for secret in ("hunter2", "very-secret", "AKIAPHASEGATETESTS99"))
    assert sent(between)[0]["LookupAttributes"] == [{"AttributeKey": "ResourceName", "AttributeValue": "db-1"}]
    throttled = await refusal(spoilable, "trail_events", **question, cursor=page["next_cursor"])
    assert "AWS throttles cloudtrail:LookupEvents" in throttled
    assert "give both, or none" in await refusal(spoilable, "trail_events", **TIMES, attribute="EventName")


async def test_configuration_is_queried_without_its_secrets(spoilable: FastMCP, between: Between) -> None:
    row = {
        "resourceId": "f-1",
        "configuration": {"environment": {"variables": {"DB": "postgres://u:p@h"}}, "masterUserPassword": "hunter2"},
    }
    body = {"Results": [json.dumps(row)], "QueryInfo": {"SelectFields": [{"Name": "resourceId"}]}}
    name = "SelectResourceConfig"
    between.spoilt[name] = [answer("config", name, body), error("InvalidExpressionException")]
    question = {"expression": "SELECT resourceId, configuration WHERE resourceType = 'AWS::Lambda::Function'"}
    page = await said(spoilable, "config_query", **question, region=REGION)
    assert (page["fields"], page["rows"][0]["values"]["resourceId"]) == (["resourceId"], "f-1")
    assert page["rows"][0]["values"]["configuration"] == {
        "environment": {"variables": "(withheld)"},
        "masterUserPassword": "(withheld)",
    }
    assert "InvalidExpressionException" in await refusal(spoilable, "config_query", **question, region=REGION)
    renamed = "SELECT configuration.masterUserPassword\nAS  x"
    assert "could hide a secret" in await refusal(spoilable, "config_query", expression=renamed, region=REGION)
    name = "SelectAggregateResourceConfig"
    between.spoilt[name] = [answer("config", name, {"Results": []})]
    assert (await said(spoilable, "config_query", **question, region=REGION, aggregator="all"))["rows"] == []
    assert sent(between)[-1]["ConfigurationAggregatorName"] == "all"


async def test_resources_are_searched_and_say_whether_all_are_there(spoilable: FastMCP, between: Between) -> None:
    row = {
        "Arn": f"arn:aws:rds:{REGION}:{OWN}:db:db-1",
        "OwningAccountId": OWN,
        "Region": REGION,
        "ResourceType": "rds:db",
        "Properties": [{"Name": "tags", "Data": [{"Key": "owner", "Value": "data"}]}],
    }
    body = {"Resources": [row], "Count": {"TotalResources": 1000, "Complete": False}, "ViewArn": "arn:view"}
    between.spoilt["/Search"] = [
        answer("resource-explorer-2", "Search", {**body, "NextToken": "more"}),
        answer("resource-explorer-2", "Search", {"Resources": []}),
        error("UnauthorizedException", 401),
    ]
    question = {"query": "service:rds", "region": REGION, "limit": 1}
    page = await said(spoilable, "resource_search", **question)
    assert (page["total"], page["complete"], page["view"]) == (1000, False, "arn:view")
    assert (page["resources"][0]["type"], page["resources"][0]["tags"]) == ("rds:db", {"owner": "data"})
    last = await said(spoilable, "resource_search", **question, cursor=page["next_cursor"])
    assert (last["resources"], last["total"], last["next_cursor"]) == ([], None, "")
    assert "allow resource-explorer-2:Search" in await refusal(spoilable, "resource_search", **question)
