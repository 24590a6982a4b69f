"""A report as text that people read in any terminal."""

from collections.abc import Iterable, Mapping, Sequence
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
    """Write the outcome of each finding."""
    rows = ((c.state, c.account, c.region, c.id, c.detail) for c in outcome.changes)
    return "\n".join(
        _table(("RESULT", "ACCOUNT", "REGION", "ID", "DETAIL"), rows) if outcome.changes else ["No changes."]
    )


def list_text(runbooks: Iterable[Runbook]) -> str:
    """Every runbook of the package in a line."""
    rows = ((r.name, r.kind, r.severity, "acts" if r.remediate else "reports", r.title) for r in runbooks)
    return "\n".join(_table(("RUNBOOK", "KIND", "SEVERITY", "DOES", "TITLE"), rows))


def unfinished_text(lines: Iterable[Mapping[str, Any]]) -> str:
    """Write the unfinished actions of an earlier run, and what to do about them."""
    rows = ((e.get("time"), e.get("account"), e.get("region"), e.get("id"), e.get("call")) for e in lines)
    return "\n".join(
        [
            "An earlier run was cut off: these calls were begun, and their end is not in the action log.",
            *_table(("BEGUN", "ACCOUNT", "REGION", "ID", "CALL"), rows),
            "Look at each item in AWS. What is still to be changed is found by the next scan; what was changed and "
            "should not be is undone by the call that the log records with the step 'undo'.",
        ]
    )


_HEAD = ("VERDICT", "SEVERITY", "ACCOUNT", "REGION", "ID", "COST/MONTH", "EVIDENCE")


def _cells(finding: Finding) -> tuple[str, ...]:
    evidence = ", ".join(f"{name}={value}" for name, value in finding.evidence.items())
    held = f"held back: {finding.held_back}" if finding.held_back else ""
    told = "; ".join(part for part in (finding.reason, held, evidence, _summed(finding.cost)) if part)
    place = (finding.account, finding.region, finding.id)
    return str(finding.verdict), finding.severity, *place, _money(finding.cost), told


def _summed(cost: Cost | None) -> str:
    """Return the parts of a sum, each with its quantity, so that it can be added up by hand."""
    parts = cost.parts if cost else ()
    return " + ".join(f"{_money(part)} for {part.quantity} × {part.unit}" for part in parts if part.amount != 0)


def _money(cost: Cost | None) -> str:
    if cost is None:
        return "-"
    more = "+" if cost.note else ""
    return "unknown" if cost.monthly is None else f"{cost.monthly:.2f}{more} {cost.currency}"


def _totals(report: Report) -> list[str]:
    counts = report.counts
    said = ", ".join(f"{counts[name]} {name}" for name in ("match", "warn", "skip", "unknown"))
    lines = [f"Judged {counts['judged']} items in {', '.join(report.regions) or 'no region'}: {said}."]
    priced = [finding.cost for finding in report.matches if finding.cost and finding.cost.amount is not None]
    if priced:
        dates = sorted({cost.date for cost in priced if cost.date})
        sources = sorted({cost.source for cost in priced if cost.source})
        since = f" (prices of {', '.join([*dates[:1], *sources])})" if dates else ""
        lines.append(f"Cost of the matches: {report.monthly_cost:.2f} {report.currency} a month{since}.")
    notes = sorted({cost.note for cost in priced if cost.note})
    if notes:
        lines.append(f"A + is at least: {'; '.join(notes)}.")
    if report.unpriced:
        lines.append(f"{report.unpriced} matches have no known price and are not in the sum.")
    if report.gone:
        told = ", ".join(f"{number} for {call}" for call, number in report.gone.items())
        lines.append(f"Gone before they were asked about: {told}.")
    left = ", ".join(f"{account} ({reason})" for account, reason in report.left_out.items())
    return [*lines, *([f"Accounts that were left out: {left}."] if left else [])]


def _planned(report: Report) -> list[str]:
    if not report.actions:
        return []
    calls = ", ".join(report.actions)
    lines = [f"Nothing was changed. With an approval of {report.digest}, each match would take: {calls}."]
    held = [finding for finding in report.matches if finding.held_back]
    if held:
        money = f"{report.held_back_cost:.2f} of {report.monthly_cost:.2f} {report.currency} a month"
        lines.append(f"{len(held)} of {len(report.matches)} matches would be held back, {money}; the table says why.")
    return [*lines, *([f"As it stands no change would be made: {report.refusal}."] if report.refusal else [])]


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
