"""Findings as reports."""

from collections.abc import Iterable

from phasegate import core
from phasegate.core import Severity
from phasegate.core.report import Report


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
