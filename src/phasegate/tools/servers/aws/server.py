"""MCP server `aws`, whose tools only read."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from mcp.server.fastmcp import FastMCP
from pydantic import Field

from phasegate.core import Clock, SystemClock
from phasegate.tools.servers.aws import results
from phasegate.tools.servers.aws.calls import Calls
from phasegate.tools.servers.aws.client import Aws
from phasegate.tools.servers.aws.finops_tools import add_finops_tools
from phasegate.tools.servers.aws.params import (
    AccountId,
    Cursor,
    End,
    GroupBy,
    Only,
    PeriodSeconds,
    Region,
    Start,
    Statistic,
)
from phasegate.tools.servers.aws.sessions import Sessions
from phasegate.tools.servers.mcp_base import READ, McpServer, tool

_INSTRUCTIONS = """\
Reads AWS: what resources there are, their tags, metrics, cost and what AWS recommends to save, who changed them, and
what IAM roles may do. Changes nothing.
Operations are named as boto3 and the runbooks name them: `ec2:DescribeVolumes` or `ec2.DescribeVolumes`.
Contents, credentials and secrets are never read. No data is unknown, never zero."""

Operation = Annotated[str, Field(description="A listing, such as ec2:DescribeVolumes or rds:DescribeDBInstances.")]
Parameters = Annotated[
    dict[str, Any],
    Field(description="Parameters of the operation as boto3 takes them, such as {'cluster': 'web'}; no tokens."),
]
Items = Annotated[
    str, Field(description="JMESPath to the rows in an answer, such as Reservations[].Instances[]; empty: its own.")
]
RoleName = Annotated[str, Field(description="The role's name, without path or ARN.", pattern=r"^[\w+=,.@-]{1,64}$")]
CostMetric = Literal[
    "UnblendedCost", "AmortizedCost", "BlendedCost", "NetUnblendedCost", "NetAmortizedCost", "UsageQuantity"
]


def build(environ: Mapping[str, str], clock: Clock | None = None) -> FastMCP:
    """Build the server, which looks for credentials at the first call, as boto3 does.

    Args:
        environ: The AWS_* variables; PHASEGATE_AWS_ROLE and PHASEGATE_AWS_EXTERNAL_ID for other accounts.
        clock: Says when an assumed session is due; the machine's unless given.

    Raises:
        InvalidInput: PHASEGATE_AWS_ROLE is no name of a role.
    """
    server = McpServer("aws", _INSTRUCTIONS)
    calls = Calls(sessions=Sessions(environ, clock or SystemClock()))
    aws = Aws(calls)
    _inventory(server, aws)
    _identities(server, aws)
    _numbers(server, aws)
    add_finops_tools(server, calls)
    return server


def _inventory(server: FastMCP, aws: Aws) -> None:
    @tool(server, READ)
    def count_resources(
        operation: Operation,
        regions: Annotated[
            list[str], Field(description="Such as [eu-west-1, us-east-1].", min_length=1, max_length=40)
        ],
        account: AccountId = "",
        parameters: Parameters = {},  # noqa: B006 - never changed
        items: Items = "",
        most: Annotated[int, Field(description="Stop counting there, in each region.", ge=1, le=100_000)] = 10_000,
    ) -> results.Counts:
        """Counts what a listing operation lists, in each region, following all pages.

        `capped` means that there are more than `count`. A `count` of null with an `error` is unknown, not zero.
        Services without regions (IAM, the list of S3 buckets, Route 53) are counted once, as `global`.
        ec2:DescribeInstances lists reservations: pass items `Reservations[].Instances[]`. Snapshots, images and IAM
        policies are the account's own unless parameters say otherwise. Only List and Describe operations (and Get of
        a plural) that IAM calls List or Read are let through.
        """
        return aws.count(operation, regions, account, parameters, items, most)

    @tool(server, READ)
    def list_resources(
        operation: Operation,
        region: Region,
        account: AccountId = "",
        limit: Annotated[int, Field(description="Rows of a page.", ge=1, le=100)] = 25,
        cursor: Cursor = "",
        fields: Annotated[
            list[str],
            Field(description="JMESPath on each row, such as [VolumeId, Tags[0].Value]; empty: all.", max_length=40),
        ] = [],  # noqa: B006 - never changed
        parameters: Parameters = {},  # noqa: B006 - never changed
        items: Items = "",
    ) -> results.Rows:
        """Lists resources a page at a time, with the fields that you choose.

        Same operations as count_resources. A page holds about 60,000 characters: each row gets its share, and names in
        `left_out` the fields that did not fit; choose fields or a smaller limit. Secrets show as `(withheld)`.
        With `items`, limit counts the rows of the service's own list. For services without regions, any region will do.
        """
        return aws.page(operation, region, account, parameters, items, fields, limit, cursor)

    @tool(server, READ)
    def resource_tags(
        region: Region,
        account: AccountId = "",
        tag_filters: Annotated[
            dict[str, list[str]],
            Field(
                description="Key to values, any of which will do; no values: any. All keys must hold.", max_length=50
            ),
        ] = {},  # noqa: B006 - never changed
        resource_types: Annotated[
            list[str], Field(description="Such as [ec2:volume, s3]; empty: all.", max_length=100)
        ] = [],  # noqa: B006 - never changed
        limit: Annotated[int, Field(description="Resources of a page.", ge=1, le=100)] = 50,
        cursor: Cursor = "",
    ) -> results.TaggedResources:
        """Lists resources of a region by their tags, across services.

        Resources that never had a tag are not in it: do not take it for a complete inventory.
        """
        return aws.tagged(region, account, tag_filters, resource_types, limit, cursor)


def _identities(server: FastMCP, aws: Aws) -> None:
    @tool(server, READ)
    def caller_identity(account: AccountId = "") -> results.Caller:
        """Return this server's AWS identity, in an account that of the assumed role. Tests the credentials, too."""
        return aws.caller(account)

    @tool(server, READ)
    def list_accounts(
        account: AccountId = "",
        limit: Annotated[int, Field(description="Accounts of a page.", ge=1, le=20)] = 20,
        cursor: Cursor = "",
    ) -> results.Accounts:
        """List the accounts of the organization, with credentials of its management account or a delegate.

        `status` other than ACTIVE means that nothing can be read there.
        """
        return aws.accounts(account, limit, cursor)

    @tool(server, READ)
    def iam_role_policies(role: RoleName, account: AccountId = "") -> results.RolePolicies:
        """The trust policy of an IAM role and its attached and inline policies, as JSON documents."""
        return aws.role_policies(role, account)

    @tool(server, READ)
    def iam_simulate(
        principal: Annotated[str, Field(description="ARN of the user, group or role.", pattern=r"^arn:")],
        actions: Annotated[list[str], Field(description="Such as [ec2:DeleteVolume].", min_length=1, max_length=50)],
        resources: Annotated[list[str], Field(description="ARNs; empty: any resource.", max_length=20)] = [],  # noqa: B006
        account: AccountId = "",
        cursor: Cursor = "",
    ) -> results.Decisions:
        """Simulate IAM's decision on these actions of the principal, without carrying them out.

        Resource policies and the conditions in `missing_context` are not taken into account.
        """
        return aws.simulate(principal, actions, resources, account, cursor)


def _numbers(server: FastMCP, aws: Aws) -> None:
    @tool(server, READ)
    def cost_and_usage(
        start: Annotated[date, Field(description="First day.")],
        end: Annotated[date, Field(description="First day that does not count any more.")],
        granularity: Literal["DAILY", "MONTHLY"] = "MONTHLY",
        group_by: GroupBy = [],  # noqa: B006 - never changed
        metric: CostMetric = "UnblendedCost",
        only: Only = {},  # noqa: B006 - never changed
        account: AccountId = "",
        limit: Annotated[int, Field(description="Rows of a page.", ge=1, le=200)] = 100,
        cursor: Cursor = "",
    ) -> results.Costs:
        """Return costs by period and group, from Cost Explorer. AWS charges about 0.01 USD a call.

        Amounts are decimals as text, in `unit`. `estimated` periods still change. Groups without cost may be absent.
        """
        return aws.cost(start, end, granularity, metric, group_by, only, account, limit, cursor)

    @tool(server, READ)
    def metric_statistics(
        namespace: Annotated[str, Field(description="Such as AWS/EC2.")],
        metric: Annotated[str, Field(description="Such as CPUUtilization.")],
        dimensions: Annotated[dict[str, str], Field(description="Such as {'InstanceId': 'i-0123'}.", max_length=30)],
        start: Start,
        end: End,
        period_seconds: PeriodSeconds,
        statistic: Statistic,
        region: Region,
        account: AccountId = "",
    ) -> results.Metric:
        """Return datapoints of a CloudWatch metric in the order of time, at most 500.

        No datapoints means that nothing was reported: that is unknown, never idle or zero. Dimensions must be exactly
        those that the metric is published with.
        """
        return aws.metric(namespace, metric, dimensions, start, end, period_seconds, statistic, region, account)
