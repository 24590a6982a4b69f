"""A report as text that people read in any terminal."""

from collections.abc import Iterable, Sequence
from typing import Any

from .prices import Cost
from .remediation import Outcome
from .runbook import Finding, Report, Runbook

_WIDEST = 60


def report_text(report: Report) -> str:
    """The findings as a table, then what they cost, and where the scan could not look."""
    lines = [f"{report.title} ({report.runbook}), as of {report.as_of.isoformat(timespec='minutes')}", ""]
    if report.findings:
        lines += [*_table(_HEAD, (_cells(finding) for finding in report.findings)), ""]
    return "\n".join([*lines, *_totals(report), *_planned(report), *_errors(report)])


def outcome_text(outcome: Outcome) -> str:
    """What became of each finding."""
    rows = ((c.state, c.account, c.region, c.id, c.detail) for c in outcome.changes)
    return "\n".join(
        _table(("RESULT", "ACCOUNT", "REGION", "ID", "DETAIL"), rows) if outcome.changes else ["No changes."]
    )


def list_text(runbooks: Iterable[Runbook]) -> str:
    """Every runbook of the package in a line."""
    rows = ((r.name, r.kind, r.severity, "acts" if r.remediate else "reports", r.title) for r in runbooks)
    return "\n".join(_table(("RUNBOOK", "KIND", "SEVERITY", "DOES", "TITLE"), rows))


_HEAD = ("VERDICT", "SEVERITY", "REGION", "ID", "COST/MONTH", "EVIDENCE")


def _cells(finding: Finding) -> tuple[str, ...]:
    evidence = ", ".join(f"{name}={value}" for name, value in finding.evidence.items())
    told = "; ".join(part for part in (finding.reason, evidence) if part)
    return str(finding.verdict), finding.severity, finding.region, finding.id, _money(finding.cost), told


def _money(cost: Cost | None) -> str:
    if cost is None:
        return "-"
    return "unknown" if cost.monthly is None else f"{cost.monthly:.2f} {cost.currency}"


def _totals(report: Report) -> list[str]:
    counts = report.counts
    said = ", ".join(f"{counts[name]} {name}" for name in ("match", "warn", "skip", "unknown"))
    lines = [f"Judged {counts['judged']} items in {', '.join(report.regions) or 'no region'}: {said}."]
    priced = [finding.cost for finding in report.matches if finding.cost and finding.cost.amount is not None]
    if priced:
        dates = sorted({cost.date for cost in priced})
        sources = ", ".join(sorted({cost.source for cost in priced}))
        total = f"{report.monthly_cost:.2f} {priced[0].currency}"
        lines.append(f"Cost of the matches: {total} a month (prices of {dates[0]}, {sources}).")
    if report.unpriced:
        lines.append(f"{report.unpriced} matches have no known price and are not in the sum.")
    return lines


def _planned(report: Report) -> list[str]:
    if not report.actions:
        return []
    calls = ", ".join(report.actions)
    return [f"Nothing was changed. With an approval of {report.digest}, each match would take: {calls}."]


def _errors(report: Report) -> list[str]:
    if not report.errors:
        return []
    rows = ((str(e.count), e.account, e.region, e.call, e.code, e.message) for e in report.errors)
    return [
        "",
        "The scan is incomplete; these calls failed:",
        *_table(("COUNT", "ACCOUNT", "REGION", "CALL", "CODE", "FIRST MESSAGE"), rows),
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    cells = [tuple(head), *(tuple(str(cell) for cell in row) for row in rows)]
    widths = [min(_WIDEST, max(len(row[column]) for row in cells)) for column in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
