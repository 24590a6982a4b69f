"""Reports of checks and reviewers, and releases that a tree was merged with, as a run's events tell of them."""

from collections.abc import Iterable

from phasegate.core import Finding, worst_first
from phasegate.ledger import GateHistory
from phasegate.ledger.events import Judgement, ReleasesMerged


def findings_in(dossier: GateHistory) -> list[Finding]:
    """Return the gate's findings, the worst first."""
    return findings_of(dossier.reports, dossier.key.phase, dossier.key.attempt)


def findings_of(reports: Iterable[Judgement], phase: str, attempt: int) -> list[Finding]:
    """Return findings of the last judged round up to that attempt, the worst first."""
    return worst_first([found for report in latest_reports(reports, phase, attempt) for found in report.findings])


def latest_reports(reports: Iterable[Judgement], phase: str, attempt: int) -> list[Judgement]:
    """The reports of the last round that was judged, up to that attempt.

    A gate that is opened anew, because it expired or its decision was void, is a new attempt at the same tree: what
    was found in the one before still stands.
    """
    turns = [((report.attempt, report.round), report) for report in reports if report.phase == phase]
    last = max((turn for turn, _ in turns if turn[0] <= attempt), default=(0, 0))
    return [report for turn, report in turns if turn == last]


def merged(events: Iterable[ReleasesMerged], phase: str, attempt: int) -> ReleasesMerged | None:
    """Return the releases that an attempt's tree was put on top of, or None."""
    found = [event for event in events if event.phase == phase and event.attempt <= attempt]
    return found[-1] if found else None
