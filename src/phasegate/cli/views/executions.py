"""Released runbooks, scans and findings, as tables."""

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.table import Table
from rich.text import Text

from phasegate.core import visible
from phasegate.core.formatting import age, count, money
from phasegate.executions import FindingState, FindingView, RunbookView, ScanState, ScanView

_SCANS = {
    ScanState.running: "",
    ScanState.complete: "good",
    ScanState.incomplete: "wait",
    ScanState.failed: "bad",
    ScanState.interrupted: "bad",
}
_FINDINGS = {
    FindingState.new: "bad",
    FindingState.open: "bad",
    FindingState.came_back: "bad",
    FindingState.fixed: "good",
    FindingState.skipped: "quiet",
    FindingState.waived: "quiet",
    FindingState.false_positive: "quiet",
}
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def runbooks_table(found: Sequence[RunbookView], now: datetime) -> Table:
    """Released runbooks, each with its last scan and what stands."""
    table = _table("runbook", "version", "acts", "schedule", "last scan", "stands")
    table.add_column("a month", justify="right")
    for each in found:
        last = each.last_scan
        scanned = (
            Text(f"{age(last.begun_at, now)} ago, {last.state}", _SCANS[last.state]) if last else Text("never", "quiet")
        )
        acts = "with approval" if each.acts else "reports only"
        known = last is not None and last.state.reported
        table.add_row(
            visible(each.name),
            each.version,
            acts,
            each.schedule or Text("–", "quiet"),
            scanned,
            count(each.standing, "finding") if known or each.standing else "",
            money(each.cost_per_month) if known or each.standing else "",
        )
    return table


def scans_table(found: Sequence[ScanView], now: datetime) -> Table:
    """Scans, the newest first."""
    table = _table("scan", "runbook", "version", "began", "state", "found", "by")
    for each in found:
        state = Text(each.state.value, _SCANS[each.state])
        if each.problem:
            state.append(f": {visible(each.problem.splitlines()[-1][:80])}", "quiet")
        began = Text(f"{age(each.begun_at, now)} ago", "quiet")
        table.add_row(each.id, visible(each.runbook), each.version, began, state, _found(each), visible(each.by))
    return table


def scan_line(each: ScanView) -> Text:
    """Return a scan in a line: what ran, when, for whom."""
    kept = "counts in the history of findings" if each.recorded else "a trial that the history leaves out"
    when = f"{each.begun_at:%Y-%m-%d %H:%M} UTC"
    return Text(f"{visible(each.runbook)} {each.version}, {when}, by {visible(each.by)}; {kept}", "quiet")


def findings_table(found: Sequence[FindingView], now: datetime) -> Table:
    """Findings, each with its state and what it costs."""
    names = {each.runbook for each in found}
    # Of one runbook alone its name would be the same in each row, and leave no room for the items.
    table = _table("id", *(["runbook"] if len(names) > 1 else []), "account", "region", "item", "state")
    table.add_column("a month", justify="right")
    for each in found:
        state = Text(each.state.value, _FINDINGS[each.state])
        if each.mark_reason and each.state in (FindingState.waived, FindingState.false_positive):
            until = f" until {each.mark_until:%Y-%m-%d}" if each.mark_until else ""
            state.append(f"{until} by {visible(each.mark_by)}: {visible(each.mark_reason)}", "quiet")
        elif each.state.stands:
            state.append(f" for {age(each.first_seen, now)}", "quiet")
        cost = "" if each.cost_per_month is None else money(each.cost_per_month)
        name = [visible(each.runbook)] if len(names) > 1 else []
        table.add_row(each.id, *name, each.account, each.region, visible(each.item), state, cost)
    priced = [each.cost_per_month for each in found if each.cost_per_month is not None]
    table.caption = f"{count(len(found), 'finding')}; {money(sum(priced, Decimal(0)))} a month where the price is known"
    table.caption_justify = "left"
    return table


def finding_row(each: FindingView) -> dict[str, Any]:
    """Return a finding as a row of CSV, in which no text is taken for a formula."""
    return {name: _cell(value) for name, value in each.plain().items()}


def _cell(value: Any) -> Any:
    text = json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value
    return f"'{text}" if isinstance(text, str) and text.startswith(_FORMULAS) else text


def _found(each: ScanView) -> str:
    if not each.state.reported:
        return ""
    errors = f", {count(each.errors, 'failed call')}" if each.errors else ""
    return f"{each.counts.get('match', 0)} of {each.counts.get('judged', 0)}{errors}"


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="quiet", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
