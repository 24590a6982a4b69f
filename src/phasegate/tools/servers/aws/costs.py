"""Query of Cost Explorer, and the rows of its answer."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from phasegate.tools.servers.aws.calls import ordered
from phasegate.tools.servers.aws.results import Cost


def question(
    start: date,
    end: date,
    granularity: str,
    metric: str,
    group_by: Sequence[str],
    only: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """The request, without its page.

    Raises:
        InvalidInput: the period is empty.
    """
    ordered(start, end)
    request: dict[str, Any] = {
        "TimePeriod": {"Start": str(start), "End": str(end)},
        "Granularity": granularity,
        "Metrics": [metric],
        "GroupBy": groups(group_by),
    }
    return {**request, **condition(only)}


def groups(group_by: Sequence[str]) -> list[dict[str, str]]:
    """Return `GroupBy` of Cost Explorer, such as of `SERVICE` or `TAG:owner`."""
    return [_group(written) for written in group_by]


def condition(only: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return `Filter` of Cost Explorer, all of whose dimensions must hold, or nothing."""
    conditions = [{"Dimensions": {"Key": key, "Values": [*only[key]]}} for key in sorted(only)]
    if not conditions:
        return {}
    return {"Filter": conditions[0] if len(conditions) == 1 else {"And": conditions}}


def costs(answer: Mapping[str, Any], metric: str) -> list[Cost]:
    """The rows of an answer, by period and group."""
    return [cost for period in answer["ResultsByTime"] for cost in _period(period, metric)]


def _group(written: str) -> dict[str, str]:
    kind, _, key = written.partition(":")
    if kind in ("TAG", "COST_CATEGORY") and key:
        return {"Type": kind, "Key": key}
    return {"Type": "DIMENSION", "Key": written}


def _period(period: Mapping[str, Any], metric: str) -> Iterator[Cost]:
    """By group where the period has groups, else in total."""
    for group in period.get("Groups") or [{"Keys": [], "Metrics": period.get("Total", {})}]:
        if metric in group["Metrics"]:
            spent = group["Metrics"][metric]
            yield Cost(
                start=period["TimePeriod"]["Start"],
                end=period["TimePeriod"]["End"],
                group=group["Keys"],
                amount=spent["Amount"],
                unit=spent.get("Unit", ""),
                estimated=bool(period.get("Estimated")),
            )
