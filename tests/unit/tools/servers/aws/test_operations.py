"""What an agent may list with, and what it must never read."""

import re

import pytest
from botocore.loaders import Loader
from mcp.server.fastmcp import FastMCP

from phasegate.core import InvalidInput, Refused
from phasegate.tools.servers.aws.operations import listing
from unit.tools.servers.aws.fixtures import refusal


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ("ec2:TerminateInstances", "changes"),
        ("iam:CreateUser", "changes"),
        ("s3:DeleteBucket", "changes"),
        ("ec2:CreateTags", "changes"),
        ("iam:PutRolePolicy", "changes"),
        ("lambda:Invoke", "not_a_listing"),  # IAM knows it by another name
        ("s3:GetObject", "not_a_listing"),
        ("s3:GetObjectTagging", "not_a_listing"),
        ("secretsmanager:GetSecretValue", "not_a_listing"),
        ("secretsmanager:BatchGetSecretValue", "not_a_listing"),
        ("ssm:GetParameter", "not_a_listing"),
        ("ssm:GetParameters", "not_a_listing"),
        ("ssm:GetParametersByPath", "not_a_listing"),
        ("ssm:GetParameterHistory", "not_a_listing"),
        ("ec2:GetPasswordData", "not_a_listing"),
        ("ec2:GetConsoleOutput", "not_a_listing"),
        ("lambda:GetFunction", "not_a_listing"),
        ("ecr:GetAuthorizationToken", "not_a_listing"),
        ("dynamodb:Scan", "not_a_listing"),
        ("dynamodb:GetItem", "not_a_listing"),
        ("sqs:ReceiveMessage", "not_a_listing"),
        ("logs:GetLogEvents", "not_a_listing"),
        ("athena:GetQueryResults", "not_a_listing"),
        ("rds:DownloadDBLogFilePortion", "not_a_listing"),
        ("cloudformation:GetTemplate", "not_a_listing"),
        ("iam:GenerateCredentialReport", "not_a_listing"),
        ("apigateway:GetApiKeys", "secret"),
        ("glue:GetConnections", "secret"),
        ("ssm:ListCommandInvocations", "secret"),
        ("sts:GetSessionToken", "secret"),
        ("sts:AssumeRole", "secret"),
        ("sso:ListAccounts", "secret"),
        ("cognito-identity:ListIdentities", "secret"),
        ("rds-data:ExecuteStatement", "secret"),
        ("redshift-data:ListTables", "secret"),
        ("bedrock-agent-runtime:ListSessions", "secret"),
    ],
)
def test_what_is_no_inventory_is_refused(operation: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        listing(operation)
    assert (refused.value.reason, refused.value.fix) == (reason, "name a listing, such as ec2:DescribeVolumes")
    assert operation in str(refused.value)


@pytest.mark.parametrize(
    ("operation", "action", "rows", "everywhere"),
    [
        ("ec2:DescribeVolumes", "ec2:DescribeVolumes", "Volumes", False),
        ("ec2.DescribeAddresses", "ec2:DescribeAddresses", "Addresses", False),  # no pages, the runbooks' spelling
        ("elbv2:DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancers", "LoadBalancers", False),
        ("rds:DescribeDBInstances", "rds:DescribeDBInstances", "DBInstances", False),
        ("logs:DescribeLogGroups", "logs:DescribeLogGroups", "logGroups", False),
        ("ecs:ListServices", "ecs:ListServices", "serviceArns", False),
        ("secretsmanager:ListSecrets", "secretsmanager:ListSecrets", "SecretList", False),
        ("glue:GetJobs", "glue:GetJobs", "Jobs", False),  # this service lists with Get
        ("apigateway:GetRestApis", "apigateway:GET", "items", False),
        ("s3:ListBuckets", "s3:ListAllMyBuckets", "Buckets", True),
        ("iam:ListUsers", "iam:ListUsers", "Users", True),
        ("cloudfront:ListDistributions", "cloudfront:ListDistributions", "DistributionList.Items", True),
    ],
)
def test_what_lists_resources_is_let_through(operation: str, action: str, rows: str, everywhere: bool) -> None:
    found = listing(operation)
    assert (found.action, found.rows, found.everywhere) == (action, rows, everywhere)


@pytest.mark.parametrize(
    ("operation", "message", "fix"),
    [
        ("ec2", "'ec2' is no operation", "such as ec2:DescribeVolumes"),
        ("ec2:describe_volumes", "is no operation", "such as ec2:DescribeVolumes"),
        ("ec2:DescribeVolume", "ec2 has no operation 'DescribeVolume'", "did you mean DescribeVolumes"),
        ("ecc2:DescribeVolumes", "there is no AWS service 'ecc2'", "did you mean"),
        ("ec2:DescribeInstanceAttribute", "holds no rows", "that lists resources"),
        ("../../etc:Passwd", "is no operation", "such as"),
    ],
)
def test_a_misspelt_operation_is_told_apart(operation: str, message: str, fix: str) -> None:
    with pytest.raises(InvalidInput) as wrong:
        listing(operation)
    assert message in str(wrong.value)
    assert fix in wrong.value.fix


def test_no_operation_with_a_telling_name_is_let_through() -> None:
    telling = re.compile(r".*(SecretValue|Password|GetParameter|GetObject|AuthorizationToken|Credential|PrivateKey)")
    found = [
        f"{service}:{operation}"
        for service in ("ec2", "ecr", "iam", "lightsail", "redshift", "s3", "secretsmanager", "ssm", "sts", "acm")
        for operation in Loader().load_service_model(service, "service-2")["operations"]
        if telling.match(operation)
    ]
    let_through = {name for name in found if _lets_through(name)}
    assert len(found) > 30
    assert let_through <= {"iam:ListServiceSpecificCredentials"}  # ids and dates


def _lets_through(operation: str) -> bool:
    try:
        return bool(listing(operation))
    except (Refused, InvalidInput):
        return False


@pytest.mark.parametrize("tool", ["count_resources", "list_resources"])
async def test_the_tools_refuse_it_before_anything_is_asked(server: FastMCP, tool: str) -> None:
    where = {"regions": ["eu-west-1"]} if tool == "count_resources" else {"region": "eu-west-1"}
    assert await refusal(server, tool, operation="ec2:TerminateInstances", **where) == (
        "ec2:TerminateInstances is no read: IAM calls it Write; name a listing, such as ec2:DescribeVolumes "
        "(reason: changes)"
    )
