"""CloudWatch datapoints of a window that ends now."""

import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

_MOST_DATAPOINTS = 1440
_STATISTICS = {"SampleCount", "Average", "Sum", "Minimum", "Maximum"}


def datapoints(
    client: Any,
    metric: tuple[str, str, str],
    dimensions: Mapping[str, Any],
    window: tuple[datetime, float],
    period: int | None,
) -> list[float]:
    """The values of a metric (namespace, name, statistic) in a window (its end, days), oldest first.

    `period` is in seconds; without one there is one datapoint for the whole window. CloudWatch gives 1,440 datapoints a
    call at most, so that longer windows take several.
    """
    namespace, name, statistic = metric
    end, days = window
    begin = end - timedelta(days=days)
    seconds = _allowed(period or (end - begin).total_seconds(), days)
    wanted = {"Statistics": [statistic]} if statistic in _STATISTICS else {"ExtendedStatistics": [statistic]}
    found = [
        point
        # A call that would give more datapoints than CloudWatch allows is refused as a whole.
        for first, last in _spans(begin, end, seconds)
        for point in client.get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": str(value)} for key, value in dimensions.items()],
            StartTime=first,
            EndTime=last,
            Period=seconds,
            **wanted,
        ).get("Datapoints")
        or ()
    ]
    # CloudWatch answers in no order.
    values = (_value(point, statistic) for point in sorted(found, key=lambda point: str(point.get("Timestamp"))))
    return [value for value in values if value is not None]


def _allowed(seconds: float, days: float) -> int:
    """CloudWatch keeps minutes for 15 days, five minutes for 63, and hours for longer: a period is a multiple."""
    # A finer period than what is kept gives no datapoints, which would look like no use.
    unit = 60 if days <= 15 else 300 if days <= 63 else 3600
    return max(unit, math.ceil(seconds / unit) * unit)


def _spans(begin: datetime, end: datetime, period: int) -> Iterator[tuple[datetime, datetime]]:
    step = timedelta(seconds=period * _MOST_DATAPOINTS)
    while begin < end:
        yield begin, min(begin + step, end)
        begin += step


def _value(point: Mapping[str, Any], statistic: str) -> float | None:
    value: float | None = (point if statistic in _STATISTICS else point.get("ExtendedStatistics") or {}).get(statistic)
    return value
