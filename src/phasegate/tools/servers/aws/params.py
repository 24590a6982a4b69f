"""Parameters that several AWS tools take."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

AccountId = Annotated[str, Field(description="12 digits; empty for the server's own account.", max_length=64)]
Region = Annotated[str, Field(description="Such as eu-west-1.", max_length=64)]
Cursor = Annotated[str, Field(description="next_cursor of the page before, with the same other arguments.")]
Statistic = Annotated[
    str,
    Field(
        description="Average, Sum, Minimum, Maximum, SampleCount, or a percentile such as p99.",
        pattern=r"^(Average|Sum|Minimum|Maximum|SampleCount|p(\d{1,2}(\.\d{1,2})?|100))$",
    ),
]
Start = Annotated[AwareDatetime, Field(description="ISO 8601 with its zone.")]
End = Annotated[AwareDatetime, Field(description="ISO 8601 with its zone; exclusive.")]
PeriodSeconds = Annotated[int, Field(description="A multiple of 60.", ge=60, le=2_592_000, multiple_of=60)]
GroupBy = Annotated[
    list[str],
    Field(description="At most two: SERVICE, LINKED_ACCOUNT, REGION, TAG:owner, COST_CATEGORY:x …", max_length=2),
]
Only = Annotated[
    dict[str, list[str]],
    Field(description="Dimension to values, such as {'SERVICE': ['Amazon Redshift']}; all must hold."),
]
Lookback = Literal["SEVEN_DAYS", "THIRTY_DAYS", "SIXTY_DAYS"]
Term = Literal["ONE_YEAR", "THREE_YEARS"]
Payment = Literal["NO_UPFRONT", "PARTIAL_UPFRONT", "ALL_UPFRONT"]


class MetricQuery(BaseModel):
    """A metric with its statistic, or an expression over the other queries or a SEARCH."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    id: str = Field(pattern=r"^[a-z][A-Za-z0-9_]{0,254}$")
    """Small letter first; expressions name it."""
    period_seconds: PeriodSeconds
    namespace: str = ""
    metric: str = ""
    dimensions: dict[str, str] = Field(default={}, max_length=30)
    statistic: Statistic = "Average"
    expression: str = Field(default="", max_length=1_024)
    """Such as `m1 / m2 * 100`, instead of a metric."""
