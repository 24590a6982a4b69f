"""A report for other programs and for a browser: JSON, CSV and HTML."""

import csv
import html
import io
import json
from collections.abc import Iterator
from typing import Any

from .runbook import Finding, Report

FORMATS = ("table", "json", "csv", "html")
_HEAD = (
    "runbook",
    "account",
    "region",
    "id",
    "verdict",
    "severity",
    "monthly_cost",
    "currency",
    "held_back",
    "reason",
    "evidence",
    "fingerprint",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_STYLE = (
    "body{font:14px system-ui}table{border-collapse:collapse}"
    "td,th{border:1px solid #ccc;padding:4px 8px;text-align:left}"
)


def csv_text(report: Report) -> str:
    """Write the findings one a line, with an apostrophe before text that a spreadsheet would read as a formula."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(_HEAD)
    writer.writerows([_inert(value) for value in _cells(finding)] for finding in report.findings)
    return written.getvalue().rstrip("\n")


def html_text(report: Report) -> str:
    """A page by itself: the findings, and where the scan could not look."""
    title = html.escape(f"{report.title} ({report.runbook})")
    failed = [f"{e.count} times {e.call} in {e.account} {e.region}: {e.code}" for e in report.errors]
    errors = "".join(f"<li>{html.escape(line)}</li>" for line in failed)
    told = f"<p>The scan is incomplete; these calls failed:</p><ul>{errors}</ul>" if errors else ""
    total = f"{report.monthly_cost:.2f} {report.currency} a month; as of {report.as_of.isoformat(timespec='minutes')}"
    rows = "".join(_row("td", _cells(finding)) for finding in report.findings)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p>{report.counts['match']} of {report.judged} judged match; {html.escape(total)}</p>{told}"
        f"<table>{_row('th', _HEAD)}{rows}</table></html>"
    )


def _row(cell: str, values: Any) -> str:
    return f"<tr>{''.join(f'<{cell}>{html.escape(str(value))}</{cell}>' for value in values)}</tr>"


def _cells(finding: Finding) -> Iterator[Any]:
    cost = finding.cost
    yield from (finding.runbook, finding.account, finding.region, finding.id, str(finding.verdict), finding.severity)
    if cost is None or cost.monthly is None:
        yield from ("" if cost is None else "unknown", "")
    else:
        yield from (f"{cost.monthly:.2f}", cost.currency)
    yield from (finding.held_back, finding.reason)
    yield json.dumps(dict(finding.evidence), default=str, sort_keys=True) if finding.evidence else ""
    yield finding.fingerprint


def _inert(value: Any) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
