"""Searches over an account: metric data, CloudTrail events, AWS Config and Resource Explorer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from phasegate.core import InvalidInput, Refused
from phasegate.tools.servers.aws import results
from phasegate.tools.servers.aws.calls import Calls, Question, ordered
from phasegate.tools.servers.aws.params import MetricQuery
from phasegate.tools.servers.aws.redaction import cleaned
from phasegate.tools.servers.aws.rows import PAGE, fitting

Said = Mapping[str, Any]
MOST_POINTS = 1_000
"""Datapoints of a page, over all of its series."""


@dataclass(frozen=True)
class Lookups:
    """Read-only client of services that are searched."""

    calls: Calls

    def metric_data(
        self,
        queries: Sequence[MetricQuery],
        start: datetime,
        end: datetime,
        region: str,
        account: str,
        cursor: str,
    ) -> results.MetricData:
        """A page of series, each in the order of time.

        Raises:
            InvalidInput: a query is both a metric and an expression, or none.
        """
        ordered(start, end)
        request = {
            "MetricDataQueries": [_query(query) for query in queries],
            "StartTime": start,
            "EndTime": end,
            # CloudWatch's own order is the newest first.
            "ScanBy": "TimestampAscending",
            "MaxDatapoints": MOST_POINTS,
        }
        question = Question(
            service="cloudwatch", operation="GetMetricData", request=request, region=region, account=account
        )
        found, following, said = self.calls.page(
            question, lambda said: [_series(row) for row in said.get("MetricDataResults", [])], MOST_POINTS, cursor
        )
        return results.MetricData(series=found, messages=_messages(said), next_cursor=following)

    def trail_events(
        self,
        start: datetime,
        end: datetime,
        attribute: str,
        value: str,
        region: str,
        account: str,
        limit: int,
        cursor: str,
    ) -> results.TrailEvents:
        """A page of a region's events that change things or sign in, the newest first.

        Raises:
            InvalidInput: an attribute without its value, or the other way round.
        """
        ordered(start, end)
        if bool(attribute) != bool(value):
            raise InvalidInput("an attribute is looked up with its value", fix="give both, or none")
        matches = [{"AttributeKey": attribute, "AttributeValue": value}] if attribute else []
        question = Question(
            service="cloudtrail",
            operation="LookupEvents",
            request={"StartTime": start, "EndTime": end, **({"LookupAttributes": matches} if matches else {})},
            region=region,
            account=account,
            size="MaxResults",
        )
        found, following, _ = self.calls.page(
            question, lambda said: [_event(row) for row in said.get("Events", [])], limit, cursor
        )
        return results.TrailEvents(events=found, next_cursor=following)

    def config(
        self, expression: str, aggregator: str, region: str, account: str, limit: int, cursor: str
    ) -> results.ConfigRows:
        """A page of what a query selects, without its secrets.

        Raises:
            Refused: the query gives a field another name, under which a secret would not be known.
        """
        if " as " in f" {' '.join(expression.lower().split())} ":
            fix = "select the fields under their own names"
            raise Refused("the query renames fields, which could hide a secret", reason="secret", fix=fix)
        of_all = {"ConfigurationAggregatorName": aggregator} if aggregator else {}
        question = Question(
            service="config",
            operation="SelectAggregateResourceConfig" if aggregator else "SelectResourceConfig",
            request={"Expression": expression, **of_all},
            region=region,
            account=account,
            size="Limit",
        )
        found, following, said = self.calls.page(
            question, lambda said: [_row(text, PAGE // limit) for text in said.get("Results", [])], limit, cursor
        )
        fields = [each["Name"] for each in said.get("QueryInfo", {}).get("SelectFields", []) if "Name" in each]
        return results.ConfigRows(fields=fields, rows=found, next_cursor=following)

    def resources(
        self, query: str, view: str, region: str, account: str, limit: int, cursor: str
    ) -> results.FoundResources:
        """A page of resources that a region's index knows, of all regions where it is the aggregator."""
        question = Question(
            service="resource-explorer-2",
            operation="Search",
            request={"QueryString": query, **({"ViewArn": view} if view else {})},
            region=region,
            account=account,
            size="MaxResults",
        )
        found, following, said = self.calls.page(
            question, lambda said: [_resource(row) for row in said.get("Resources", [])], limit, cursor
        )
        count = said.get("Count", {})
        return results.FoundResources(
            resources=found,
            total=count.get("TotalResources"),
            complete=bool(count.get("Complete")),
            view=said.get("ViewArn", ""),
            next_cursor=following,
        )


def _query(query: MetricQuery) -> dict[str, Any]:
    """Return a query as CloudWatch takes it: a metric with its statistic, or an expression."""
    if bool(query.expression) == bool(query.metric):
        raise InvalidInput(f"query '{query.id}' has both a metric and an expression, or none", fix="give one of them")
    if query.expression:
        return {"Id": query.id, "Expression": query.expression, "Period": query.period_seconds}
    dimensions = [{"Name": name, "Value": value} for name, value in query.dimensions.items()]
    metric = {"Namespace": query.namespace, "MetricName": query.metric, "Dimensions": dimensions}
    return {"Id": query.id, "MetricStat": {"Metric": metric, "Period": query.period_seconds, "Stat": query.statistic}}


def _series(row: Said) -> results.Series:
    points = zip(row.get("Timestamps", []), row.get("Values", []), strict=False)
    return results.Series(
        id=row.get("Id", ""),
        label=row.get("Label", ""),
        status=row.get("StatusCode", ""),
        messages=_messages(row),
        datapoints=[results.Datapoint(at=at, value=value) for at, value in points],
    )


def _messages(said: Said) -> list[str]:
    return [f"{row.get('Code', '')}: {row.get('Value', '')}" for row in said.get("Messages", [])]


def _event(row: Said) -> results.TrailEvent:
    """Return what happened and by whom: what was sent and answered may hold secrets, and is left out."""
    detail = _object(row.get("CloudTrailEvent", ""))
    reads = {"true": True, "false": False}.get(str(row.get("ReadOnly", "")).lower())
    return results.TrailEvent(
        id=row.get("EventId", ""),
        at=row.get("EventTime"),
        event=row.get("EventName", ""),
        source=row.get("EventSource", ""),
        region=str(detail.get("awsRegion", "")),
        user=row.get("Username", ""),
        principal=str(_object(detail.get("userIdentity")).get("arn", "")),
        address=str(detail.get("sourceIPAddress", "")),
        read_only=reads,
        error=str(detail.get("errorCode", "")),
        resources=[each.get("ResourceName", "") for each in row.get("Resources", [])],
    )


def _row(text: str, room: int) -> results.Row:
    values, left_out = fitting(cleaned(_object(text)), room)
    return results.Row(values=values, left_out=left_out)


def _resource(row: Said) -> results.FoundResource:
    tags = next((each.get("Data") for each in row.get("Properties", []) if each.get("Name") == "tags"), None)
    pairs = [tag for tag in tags if isinstance(tag, Mapping)] if isinstance(tags, list) else []
    return results.FoundResource(
        arn=row.get("Arn", ""),
        account=row.get("OwningAccountId", ""),
        region=row.get("Region", ""),
        type=row.get("ResourceType", ""),
        seen_at=row.get("LastReportedAt"),
        tags={str(tag.get("Key", "")): str(tag.get("Value", "")) for tag in pairs},
    )


def _object(said: Any) -> Mapping[str, Any]:
    """Return an object, the one that a text holds, or an empty one where it holds none."""
    if isinstance(said, str):
        try:
            said = json.loads(said)
        except ValueError:
            said = {}
    return said if isinstance(said, Mapping) else {}
