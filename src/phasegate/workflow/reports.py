"""Findings as they stand in events, and back."""

from collections.abc import Iterable
from typing import Any

from phasegate.core import Finding, Severity, worst_first
from phasegate.ledger import Event, GateHistory


def finding_json(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON, without fields that have no value."""
    return {name: value for name, value in vars(finding).items() if value}


def findings_in(dossier: GateHistory) -> list[Finding]:
    """Return the gate's findings, the worst first."""
    return findings_of(dossier.reports, dossier.key.phase, dossier.key.attempt)


def findings_of(events: Iterable[Event], phase: str, attempt: int) -> list[Finding]:
    """Return findings of the last judged round up to that attempt, the worst first."""
    return worst_first([found for event in latest_reports(events, phase, attempt) for found in _findings(event)])


def latest_reports(events: Iterable[Event], phase: str, attempt: int) -> list[Event]:
    """The reports of the last round that was judged, up to that attempt.

    A gate that is opened anew, because it expired or its decision was void, is a new attempt at the same tree: what
    was found in the one before still stands.
    """
    prefixes = f"check:{phase}/", f"review:{phase}/"
    turns = [(_turn(event), event) for event in events if event.key.startswith(prefixes)]
    last = max((turn for turn, _ in turns if turn[0] <= attempt), default=(0, 0))
    return [event for turn, event in turns if turn == last]


def onto(events: Iterable[Event], attempt: int) -> dict[str, Any]:
    """Return the event body on the releases that an attempt's tree was put on top of, or an empty one."""
    found = [event.body for event in events if int(event.place[1]) <= attempt]
    return found[-1] if found else {}


def _turn(event: Event) -> tuple[int, int]:
    _, attempt, number, *_ = event.place
    return int(attempt), int(number)


def _findings(event: Event) -> list[Finding]:
    rows: list[dict[str, Any]] = event.body.get("findings", [])
    return [Finding(**{**row, "severity": Severity(row["severity"])}) for row in rows]
