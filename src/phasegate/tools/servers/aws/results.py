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
