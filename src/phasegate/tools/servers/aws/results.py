"""Results of the AWS tools."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict

from phasegate.tools.servers.mcp_base import Result


class _Answer(Result):
    model_config = ConfigDict(use_attribute_docstrings=True)


class Caller(_Answer):
    """The caller's identity."""

    account: str
    arn: str
    user_id: str


class RegionCount(_Answer):
    """Number of resources in a region."""

    region: str
    """`global` where the service answers for all regions at once."""
    count: int | None
    """None where it could not be counted; that is not zero."""
    capped: bool
    """There are more: counting stopped at the bound."""
    error: str = ""
    """Why it could not be counted, and what to do."""


class Counts(_Answer):
    """Numbers of resources by region."""

    operation: str
    rows_from: str
    """JMESPath to what was counted in an answer."""
    regions: list[RegionCount]
    complete: bool
    """Every region was counted to the end."""


class Row(_Answer):
    """A resource."""

    values: dict[str, Any]
    """By field, or by the expressions asked for; a plain value is `_`, and `(withheld)` stands for a secret."""
    left_out: list[str]
    """Fields too long for the page; ask with a smaller limit, or for them alone."""


class Rows(_Answer):
    """A page of resources."""

    operation: str
    region: str
    rows_from: str
    rows: list[Row]
    next_cursor: str


class Account(_Answer):
    """An account of the organization."""

    id: str
    name: str
    status: str


class Accounts(_Answer):
    """A page of accounts."""

    accounts: list[Account]
    next_cursor: str


class Cost(_Answer):
    """Cost of one group in one period."""

    start: str
    end: str
    """Exclusive."""
    group: list[str]
    """In the order of `group_by`; empty for the total."""
    amount: str
    """A decimal, exactly as AWS says it."""
    unit: str
    """The currency; a unit of use for UsageQuantity."""
    estimated: bool
    """AWS has not closed the bill of this period yet."""


class Costs(_Answer):
    """A page of costs."""

    metric: str
    costs: list[Cost]
    next_cursor: str


class Datapoint(_Answer):
    """A statistic of one period."""

    at: datetime
    """Start of the period."""
    value: float


class Metric(_Answer):
    """Datapoints in the order of time, where none means unknown rather than zero."""

    namespace: str
    metric: str
    statistic: str
    unit: str
    datapoints: list[Datapoint]


class Tagged(_Answer):
    """A resource and its tags."""

    arn: str
    tags: dict[str, str]


class TaggedResources(_Answer):
    """A page of tagged resources."""

    resources: list[Tagged]
    next_cursor: str


class PolicyDocument(_Answer):
    """A policy of a role."""

    name: str
    arn: str
    """Empty for an inline policy."""
    document: dict[str, Any]


class RolePolicies(_Answer):
    """Policies of a role, and who may assume it."""

    role: str
    arn: str
    trust: dict[str, Any]
    permissions_boundary: str
    """ARN of the policy that bounds it; empty for none."""
    attached: list[PolicyDocument]
    inline: list[PolicyDocument]


class Decision(_Answer):
    """A decision of IAM."""

    action: str
    resource: str
    decision: str
    """allowed, explicitDeny or implicitDeny."""
    missing_context: list[str]
    """Condition keys without a value; the real decision may differ."""


class Decisions(_Answer):
    """A page of simulated decisions."""

    decisions: list[Decision]
    next_cursor: str


class Money(_Answer):
    """An amount."""

    amount: str
    """A decimal, exactly as AWS says it."""
    unit: str
    """The currency; a unit of use for budgets of use."""


class Utilization(_Answer):
    """Statistic of how busy a resource was."""

    metric: str
    statistic: str
    value: float


class Option(_Answer):
    """Alternative to what a resource is."""

    rank: int | None
    """1 is the best."""
    values: dict[str, Any]
    """Configuration and effort, in the service's own names."""
    monthly_savings: Money | None
    """By list prices; null where the service gives none, which is not zero."""
    monthly_savings_after_discounts: Money | None
    performance_risk: float | None
    """0 to 5: how likely it is too small."""


class Recommendation(_Answer):
    """Recommendation of Compute Optimizer for a resource."""

    arn: str
    finding: str
    """Such as Overprovisioned, NotOptimized, Optimized, Idle, Unattached or Unavailable."""
    reasons: list[str]
    current: dict[str, Any]
    """What it is now, in the service's own names."""
    utilization: list[Utilization]
    lookback_days: float | None
    """Days whose metrics were looked at."""
    refreshed_at: datetime | None
    options: list[Option]
    """The best three; of an idle resource the only one: without it."""


class NotAssessed(_Answer):
    """A resource or account without a recommendation."""

    identifier: str
    code: str
    message: str


class Recommendations(_Answer):
    """A page of recommendations, where a resource that has none was not assessed."""

    kind: str
    recommendations: list[Recommendation]
    not_assessed: list[NotAssessed]
    next_cursor: str


class Budget(_Answer):
    """A budget, and what was spent of it."""

    name: str
    type: str
    """COST, USAGE, or the use or coverage of commitments."""
    period: str
    """DAILY, MONTHLY, QUARTERLY, ANNUALLY or CUSTOM."""
    limit: Money | None
    """Null where it is planned by period."""
    planned: dict[str, Money]
    """By the start of each period, in seconds since 1970."""
    spent: Money | None
    forecast: Money | None
    """Null where AWS cannot forecast yet."""
    filters: dict[str, list[str]]
    updated_at: datetime | None


class Budgets(_Answer):
    """A page of budgets."""

    budgets: list[Budget]
    next_cursor: str


class Cause(_Answer):
    """A part of an anomaly, by where it came from."""

    service: str
    region: str
    account: str
    usage_type: str
    contribution: float | None


class Anomaly(_Answer):
    """Unusual spend."""

    id: str
    start: str
    end: str
    """Empty where it goes on."""
    of: str
    """The service or other dimension that is watched."""
    impact: float | None
    """Spend beyond what was expected, in the currency of the bill."""
    actual: float | None
    expected: float | None
    score: float
    feedback: str
    """What a person said of it: YES, NO or PLANNED_ACTIVITY; empty: nothing."""
    causes: list[Cause]


class Anomalies(_Answer):
    """A page of anomalies."""

    anomalies: list[Anomaly]
    next_cursor: str


class CommitmentPeriod(_Answer):
    """Use or coverage of commitments in a period."""

    start: str
    end: str
    """Exclusive."""
    group: dict[str, str]
    """Empty for the total."""
    percent: str | None
    """Used of total; null where the total is nothing, which is not 0 %."""
    total: str | None
    used: str | None
    """Used of the commitment, or covered by it."""
    rest: str | None
    """Left unused, or paid on demand."""
    net_savings: str | None
    """Against on-demand prices; null for coverage."""


class CommitmentUse(_Answer):
    """A page of periods."""

    unit: str
    """`cost` in the currency of the bill, or `hours`."""
    periods: list[CommitmentPeriod]
    next_cursor: str


class Purchase(_Answer):
    """A recommended purchase."""

    account: str
    values: dict[str, Any]
    """What to buy, its cost and its use, in the service's own names."""
    monthly_savings: Money | None
    upfront: Money | None


class Purchases(_Answer):
    """A page of recommended purchases."""

    generated_at: str
    """Empty where AWS has made no recommendation so far: that is unknown, not none."""
    purchases: list[Purchase]
    next_cursor: str


class Rightsizing(_Answer):
    """An EC2 instance that could be smaller or gone."""

    account: str
    id: str
    name: str
    action: str
    """MODIFY or TERMINATE."""
    reasons: list[str]
    type: str
    region: str
    monthly_cost: Money | None
    utilization: dict[str, Any]
    options: list[Option]


class Rightsizings(_Answer):
    """A page of instances."""

    generated_at: str
    """Empty where AWS has made no recommendation so far."""
    instances: list[Rightsizing]
    next_cursor: str


class Price(_Answer):
    """A price of a product."""

    term: str
    """OnDemand or Reserved."""
    amount: Money
    per: str
    """Hrs, GB-Mo, Requests …"""
    from_units: str
    """Start of its tier; empty where it has none."""
    to_units: str
    """End of its tier, `Inf` for none."""
    description: str
    effective: str
    conditions: dict[str, str]
    """Length, class and payment of a reservation."""


class Product(_Answer):
    """A product of the price list."""

    sku: str
    family: str
    attributes: dict[str, Any]
    left_out: list[str]
    """Attributes too long for the page."""
    prices: list[Price]
    more_prices: int
    """Prices that were left out; ask for one term, or for one product."""


class Products(_Answer):
    """A page of products."""

    products: list[Product]
    next_cursor: str


class PriceNames(_Answer):
    """A page of names to look prices up by."""

    names: list[str]
    next_cursor: str


class Series(_Answer):
    """A metric, or an expression over metrics."""

    id: str
    label: str
    status: str
    """Complete, PartialData, InternalError or Forbidden."""
    messages: list[str]
    datapoints: list[Datapoint]
    """None means that nothing was reported, never zero."""


class MetricData(_Answer):
    """A page of series, each of which goes on in time on the next page."""

    series: list[Series]
    messages: list[str]
    next_cursor: str


class TrailEvent(_Answer):
    """A call that somebody made."""

    id: str
    at: datetime | None
    event: str
    source: str
    region: str
    user: str
    principal: str
    """ARN of who called."""
    address: str
    read_only: bool | None
    error: str
    """Its code where the call failed; empty where it went through."""
    resources: list[str]


class TrailEvents(_Answer):
    """A page of events, the newest first."""

    events: list[TrailEvent]
    next_cursor: str


class ConfigRows(_Answer):
    """A page of what a query of AWS Config selects."""

    fields: list[str]
    rows: list[Row]
    next_cursor: str


class FoundResource(_Answer):
    """A resource of an index."""

    arn: str
    account: str
    region: str
    type: str
    seen_at: datetime | None
    tags: dict[str, str]


class FoundResources(_Answer):
    """A page of resources."""

    resources: list[FoundResource]
    total: int | None
    complete: bool
    """The index found no more than `total`; else there are more."""
    view: str
    """ARN of the view, which may leave resources out."""
    next_cursor: str
