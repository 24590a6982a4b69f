"""Findings as reports, and those for which authors were asked again before a gate."""

from collections.abc import Iterable, Sequence

from phasegate import core
from phasegate.core import Severity
from phasegate.core.report import Report
from phasegate.ledger import Entry, of_kind
from phasegate.ledger.events import InRound, Judgement, ModelCalled

LINT = "lint"


class Finding(Report):
    """A statement about one artifact that informs whoever decides."""

    check: str
    """The check or reviewer that made it, such as `spec-lint`."""
    rule: str
    """Rule within the check; a waiver names it."""
    severity: Severity
    path: str
    line: int
    """From 1; 0 where it is about the whole file."""
    message: str
    fix: str
    requirement: str
    """The requirement or criterion it touches, such as `FR-001`."""
    blocking: bool
    """Whether it keeps the gate from being approved."""


def reported(findings: Iterable[core.Finding]) -> tuple[Finding, ...]:
    """Return reports of findings, in their order."""
    return tuple(map(Finding.model_validate, findings))


class SentBack(Report):
    """Fault or finding for which an author was asked again before a gate."""

    round: int
    by: str
    """Role or check whose finding it was; `lint`: what judges an answer before it becomes a draft."""
    to: str
    """Role whose answer it was; empty: the authors of the phase."""
    text: str


def rework_of(entries: Sequence[Entry], phase: str, attempt: int) -> tuple[SentBack, ...]:
    """Return what was sent back in an attempt of a phase, in order: findings of its last round stand at the gate."""
    events = [each for each in of_kind(entries, InRound) if (each.phase, each.attempt) == (phase, attempt)]
    last = max((each.round for each in events), default=0)
    ordered = sorted(events, key=lambda each: each.round)
    return tuple(found for event in ordered for found in _sent_back(event, last))


def _sent_back(event: InRound, last: int) -> list[SentBack]:
    if isinstance(event, ModelCalled):
        return [SentBack(round=event.round, by=LINT, to=event.role, text=text) for text in event.sent_back]
    if not isinstance(event, Judgement) or event.round == last:
        return []
    blocking = [finding for finding in event.findings if finding.blocking]
    return [SentBack(round=event.round, by=event.name, to="", text=finding.message) for finding in blocking]
