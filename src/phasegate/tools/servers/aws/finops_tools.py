"""Tools of the MCP server `aws` about money, and those that search an account."""

from datetime import date
from typing import Annotated, Literal

from mcp.server.fastmcp import FastMCP
from pydantic import Field

from phasegate.tools.servers.aws import results
from phasegate.tools.servers.aws.calls import Calls
from phasegate.tools.servers.aws.finops import Commitment, Finops, OptimizerKind
from phasegate.tools.servers.aws.lookups import Lookups
from phasegate.tools.servers.aws.params import (
    AccountId,
    Cursor,
    End,
    GroupBy,
    Lookback,
    MetricQuery,
    Only,
    Payment,
    Region,
    Start,
    Term,
)
from phasegate.tools.servers.aws.prices import Prices
from phasegate.tools.servers.mcp_base import READ, tool

First = Annotated[date, Field(description="First day.")]
Last = Annotated[date, Field(description="First day that does not count any more.")]
Limit = Annotated[int, Field(description="Rows of a page.", ge=1, le=100)]
SmallLimit = Annotated[int, Field(description="Rows of a page.", ge=1, le=50)]


def add_finops_tools(server: FastMCP, calls: Calls) -> None:
    """Add the tools to a server."""
    finops = Finops(calls)
    _recommendations(server, finops)
    _spend(server, finops)
    _prices(server, Prices(calls))
    _lookups(server, Lookups(calls))


def _recommendations(server: FastMCP, finops: Finops) -> None:
    @tool(server, READ)
    def optimizer_recommendations(
        kind: OptimizerKind,
        region: Region,
        findings: Annotated[
            list[str], Field(description="Such as [Overprovisioned] or [NotOptimized]; empty: all.", max_length=5)
        ] = [],  # noqa: B006 - never changed
        account: AccountId = "",
        limit: SmallLimit = 25,
        cursor: Cursor = "",
    ) -> results.Recommendations:
        """List recommendations of Compute Optimizer for one kind of resource in a region.

        The account must be enrolled. A resource without a row was not assessed: that is unknown, never fine. `idle`
        covers several kinds at once.
        """
        return finops.optimizer(kind, region, findings, account, limit, cursor)

    @tool(server, READ)
    def rightsizing_recommendations(
        across_families: Annotated[bool, Field(description="Also instances of other families.")] = False,
        only: Only = {},  # noqa: B006 - never changed
        account: AccountId = "",
        limit: SmallLimit = 25,
        cursor: Cursor = "",
    ) -> results.Rightsizings:
        """List EC2 instances that Cost Explorer would have smaller or gone, in all regions. About 0.01 USD a call."""
        return finops.rightsizing(across_families, only, account, limit, cursor)

    @tool(server, READ)
    def savings_plan_recommendations(
        type: Literal["COMPUTE_SP", "EC2_INSTANCE_SP", "SAGEMAKER_SP", "DATABASE_SP"] = "COMPUTE_SP",
        term: Term = "ONE_YEAR",
        payment: Payment = "NO_UPFRONT",
        lookback: Lookback = "THIRTY_DAYS",
        account: AccountId = "",
        limit: SmallLimit = 25,
        cursor: Cursor = "",
    ) -> results.Purchases:
        """List savings plans that AWS recommends to buy. About 0.01 USD a call."""
        request = {
            "SavingsPlansType": type,
            "TermInYears": term,
            "PaymentOption": payment,
            "LookbackPeriodInDays": lookback,
        }
        return finops.savings_plans(request, account, limit, cursor)

    @tool(server, READ)
    def reservation_recommendations(
        service: Annotated[
            str, Field(description="As bills name it: Amazon Relational Database Service.", min_length=1, max_length=80)
        ],
        term: Term = "ONE_YEAR",
        payment: Payment = "NO_UPFRONT",
        lookback: Lookback = "THIRTY_DAYS",
        account: AccountId = "",
        limit: SmallLimit = 25,
        cursor: Cursor = "",
    ) -> results.Purchases:
        """List reservations that AWS recommends to buy for a service. About 0.01 USD a call."""
        request = {
            "Service": service,
            "TermInYears": term,
            "PaymentOption": payment,
            "LookbackPeriodInDays": lookback,
        }
        return finops.reservations(request, account, limit, cursor)


def _spend(server: FastMCP, finops: Finops) -> None:
    @tool(server, READ)
    def budgets(account: AccountId = "", limit: Limit = 50, cursor: Cursor = "") -> results.Budgets:
        """List an account's budgets with limit, spend so far and forecast."""
        return finops.budgets(account, limit, cursor)

    @tool(server, READ)
    def cost_anomalies(
        start: First,
        end: Last,
        least_impact: Annotated[float, Field(description="Least spend beyond the expected.", ge=0)] = 0,
        account: AccountId = "",
        limit: Limit = 50,
        cursor: Cursor = "",
    ) -> results.Anomalies:
        """List unusual spend that Cost Explorer's monitors found, of the last 90 days. About 0.01 USD a call.

        None means that no monitor found one; without monitors nothing is found.
        """
        return finops.anomalies(start, end, least_impact, account, limit, cursor)

    @tool(server, READ)
    def commitment_use(
        commitment: Commitment,
        measure: Literal["coverage", "utilization"],
        start: First,
        end: Last,
        granularity: Literal["DAILY", "MONTHLY"] = "MONTHLY",
        group_by: GroupBy = [],  # noqa: B006 - never changed
        only: Only = {},  # noqa: B006 - never changed
        account: AccountId = "",
        limit: Limit = 50,
        cursor: Cursor = "",
    ) -> results.CommitmentUse:
        """Return how much of savings plans or reservations was used, or how much of the use they covered.

        Savings plans are counted in cost, reservations in hours. A `percent` of null means that there was nothing to
        use or to cover. With groups, the whole time is one period. About 0.01 USD a call.
        """
        return finops.commitment_use(
            commitment, measure, start, end, granularity, group_by, only, account, limit, cursor
        )


def _prices(server: FastMCP, prices: Prices) -> None:
    @tool(server, READ)
    def prices_of(
        service: Annotated[str, Field(description="Such as AmazonEC2; price_names lists them.", min_length=1)],
        filters: Annotated[
            dict[str, str],
            Field(
                description="Attribute to value: {'regionCode': 'eu-west-1', 'volumeApiName': 'gp3'}; all must hold.",
                min_length=1,
                max_length=20,
            ),
        ],
        terms: Annotated[list[Literal["OnDemand", "Reserved"]], Field(min_length=1, max_length=2)] = ["OnDemand"],  # noqa: B006
        account: AccountId = "",
        limit: Annotated[int, Field(description="Products of a page.", ge=1, le=20)] = 10,
        cursor: Cursor = "",
    ) -> results.Products:
        """Look list prices up. Discounts and commitments of the account are not in them."""
        return prices.products(service, filters, terms, account, limit, cursor)

    @tool(server, READ)
    def price_names(
        service: Annotated[str, Field(description="Such as AmazonRDS; empty: list the services.")] = "",
        attribute: Annotated[str, Field(description="Such as instanceType; empty: list the attributes.")] = "",
        account: AccountId = "",
        limit: Limit = 100,
        cursor: Cursor = "",
    ) -> results.PriceNames:
        """List services of the price list, attributes of a service, or values of an attribute."""
        return prices.names(service, attribute, account, limit, cursor)


def _lookups(server: FastMCP, lookups: Lookups) -> None:
    @tool(server, READ)
    def metric_data(
        queries: Annotated[list[MetricQuery], Field(min_length=1, max_length=100)],
        start: Start,
        end: End,
        region: Region,
        account: AccountId = "",
        cursor: Cursor = "",
    ) -> results.MetricData:
        """Return many CloudWatch metrics, or expressions over them, at once: 1,000 datapoints a page.

        No datapoints means that nothing was reported: that is unknown, never idle or zero.
        """
        return lookups.metric_data(queries, start, end, region, account, cursor)

    @tool(server, READ)
    def trail_events(
        start: Start,
        end: End,
        region: Region,
        attribute: Literal[
            "", "EventName", "ResourceName", "ResourceType", "Username", "EventSource", "EventId", "ReadOnly"
        ] = "",
        value: Annotated[str, Field(description="Value of the attribute.", max_length=2_000)] = "",
        account: AccountId = "",
        limit: SmallLimit = 50,
        cursor: Cursor = "",
    ) -> results.TrailEvents:
        """Look up who did what in a region, by CloudTrail's events of the last 90 days, the newest first.

        Reads and calls on data are not all in it. What was sent and answered is left out, for it may hold secrets.
        """
        return lookups.trail_events(start, end, attribute, value, region, account, limit, cursor)

    @tool(server, READ)
    def config_query(
        expression: Annotated[
            str,
            Field(
                description="SELECT resourceId, configuration.state WHERE resourceType = 'AWS::EC2::Volume'.",
                min_length=1,
                max_length=4_096,
            ),
        ],
        region: Region,
        aggregator: Annotated[str, Field(description="Name of an aggregator; empty: this account and region.")] = "",
        account: AccountId = "",
        limit: Limit = 50,
        cursor: Cursor = "",
    ) -> results.ConfigRows:
        """Query the configuration that AWS Config recorded. Resources that it does not record are not in it.

        Secrets show as `(withheld)`. `left_out` names fields that did not fit: select them alone, or a smaller limit.
        """
        return lookups.config(expression, aggregator, region, account, limit, cursor)

    @tool(server, READ)
    def resource_search(
        query: Annotated[
            str, Field(description="Such as 'service:rds tag.key:owner'; empty: everything.", max_length=1_280)
        ],
        region: Annotated[Region, Field(description="With an index; the aggregator's finds all regions.")],
        view: Annotated[str, Field(description="ARN of a view; empty: the region's default.")] = "",
        account: AccountId = "",
        limit: Limit = 50,
        cursor: Cursor = "",
    ) -> results.FoundResources:
        """Search resources by Resource Explorer.

        At most 1,000 are found. Where the answer is not `complete`, narrow the query.
        """
        return lookups.resources(query, view, region, account, limit, cursor)
