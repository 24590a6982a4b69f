"""Renderer of a runbook's report."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from phasegate.core import visible
from phasegate.core.formatting import money

STYLES = {"match": "bad", "warn": "wait", "skip": "quiet", "unknown": "wait"}


def report_table(report: Mapping[str, Any]) -> RenderableType:
    """The findings of a report document, with cost per month and what could not be looked at."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="quiet", pad_edge=False)
    for column in ("finding", "region", "verdict"):
        table.add_column(column, overflow="fold")
    table.add_column("a month", justify="right")
    for finding in report["findings"]:
        verdict = finding["verdict"]
        table.add_row(visible(finding["id"]), finding["region"], Text(verdict, STYLES[verdict]), _cost(finding["cost"]))
    counts = report["counts"]
    total = f"{counts['match']} found among {counts['judged']} judged; {money(report['cost_per_month'])} a month"
    unpriced = f"; {report['unpriced']} without a known price" if report["unpriced"] else ""
    errors = [Text(f"{e['region']} {e['call']}: {e['code']} ×{e['count']}", "bad") for e in report["errors"]]
    return Group(*([table] if report["findings"] else []), Text(total + unpriced, "name"), *errors)


def _cost(cost: Mapping[str, Any] | None) -> str:
    return "" if cost is None else money(cost["monthly"])
