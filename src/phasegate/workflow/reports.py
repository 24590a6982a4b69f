"""Findings as they stand in events, and back."""

from collections.abc import Iterable
from typing import Any

from phasegate.core import Finding, Severity, worst_first
from phasegate.ledger import Event


def finding_json(finding: Finding) -> dict[str, Any]:
    """A finding as JSON; fields without a value are left out."""
    return {name: value for name, value in vars(finding).items() if value}


def findings_of(events: Iterable[Event], phase: str, attempt: int) -> list[Finding]:
    """What checks and reviewers of that attempt's last judged round found, the worst first."""
    return worst_first([found for event in judged(events, phase, attempt) for found in _findings(event)])


def judged(events: Iterable[Event], phase: str, attempt: int) -> list[Event]:
    """The reports of that attempt's last judged round."""
    reports = [e for e in events if e.kind in ("check", "review") and e.place[:2] == [phase, str(attempt)]]
    last = max((int(event.place[2]) for event in reports), default=0)
    return [event for event in reports if int(event.place[2]) == last]


def _findings(event: Event) -> list[Finding]:
    rows: list[dict[str, Any]] = event.body.get("findings", [])
    return [Finding(**{**row, "severity": Severity(row["severity"])}) for row in rows]
