"""Secrets that stand in inventories do not reach the agent, and no expression gets round that."""

import io
import json
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from mcp.server.fastmcp import FastMCP

from phasegate.tools.servers.aws.redaction import WITHHELD, cleaned
from unit.tools.servers.aws.conftest import Setup
from unit.tools.servers.aws.fixtures import said


@pytest.mark.parametrize(
    ("answer", "hidden"),
    [
        ({"MasterUserPassword": "x", "DBInstanceIdentifier": "a"}, {"MasterUserPassword"}),
        ({"environment": [{"name": "A", "value": "x"}]}, {"environment"}),
        ({"Variables": {"A": "x"}}, {"Variables"}),
        ({"UserData": "c2VjcmV0"}, {"UserData"}),
        ({"--db-password": "x", "--jar": "y"}, {"--db-password"}),
        ({"ParameterKey": "DbPassword", "ParameterValue": "x"}, {"ParameterValue"}),
        ({"Name": "a", "Blob": b"x"}, {"Blob"}),
        # near misses: these name secrets without being any
        ({"ParameterKey": "DbName", "ParameterValue": "x"}, set()),
        ({"Environment": "production", "PasswordLastUsed": "x"}, set()),
        ({"MasterUserSecret": {"SecretArn": "arn:a"}}, set()),
        ({"ManageMasterUserPassword": True, "ApiKeySource": "HEADER", "Password": None}, set()),
    ],
)
def test_secrets_are_taken_out(answer: dict[str, Any], hidden: set[str]) -> None:
    shown = {name: WITHHELD if name in hidden else value for name, value in answer.items()}
    assert cleaned(answer) == shown
    assert cleaned({"Deeper": [answer]}) == {"Deeper": [shown]}


def test_the_rest_is_json() -> None:
    answer = {"At": datetime(2026, 1, 2, tzinfo=UTC), "Share": Decimal("0.1"), "ResponseMetadata": {"RequestId": "x"}}
    assert cleaned(answer) == {"At": "2026-01-02T00:00:00+00:00", "Share": "0.1"}


async def test_a_function_s_environment_is_not_shown(server: FastMCP, setup: Setup) -> None:
    setup("iam").create_role(RoleName="runs", AssumeRolePolicyDocument="{}")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", "")
    setup("lambda").create_function(
        FunctionName="bills", Runtime="python3.13", Handler="main.run", Role="arn:aws:iam::123456789012:role/runs",
        Code={"ZipFile": packed.getvalue()}, Environment={"Variables": {"TOKEN": "hunter2"}},
    )  # fmt: skip
    for fields, items in [
        ([], ""),
        (["Environment", "Environment.Variables", "Environment.Variables.TOKEN"], ""),
        ([], "Functions[].Environment.Variables"),
        ([], "Functions[].Environment.Variables.TOKEN"),
        (["values(@)"], "Functions[].Environment"),
    ]:
        shown = await said(
            server, "list_resources", operation="lambda:ListFunctions", region="eu-west-1", fields=fields, items=items
        )
        assert "hunter2" not in json.dumps(shown)
        assert (WITHHELD in json.dumps(shown)) == ("TOKEN" not in items)


async def test_a_count_is_no_oracle_for_a_secret(server: FastMCP, setup: Setup) -> None:
    template = {"ImageId": "ami-12345678", "UserData": "aHVudGVyMg=="}
    setup("ec2").create_launch_template(LaunchTemplateName="web", LaunchTemplateData=template)
    counted = await said(
        server, "count_resources", operation="ec2:DescribeLaunchTemplateVersions", regions=["eu-west-1"],
        parameters={"LaunchTemplateName": "web"},
        items="LaunchTemplateVersions[?starts_with(LaunchTemplateData.UserData, 'aHVud')]",
    )  # fmt: skip
    all_of_them = await said(
        server, "count_resources", operation="ec2:DescribeLaunchTemplateVersions", regions=["eu-west-1"],
        parameters={"LaunchTemplateName": "web"},
    )  # fmt: skip
    assert (counted["regions"][0]["count"], all_of_them["regions"][0]["count"]) == (0, 1)
