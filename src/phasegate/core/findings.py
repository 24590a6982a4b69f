"""Findings of checks and reviewers about artifacts."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """The weight of a finding, from a remark to a stop."""

    info = "info"
    low = "low"
    medium = "medium"
    high = "high"
    critical = "critical"

    @property
    def weight(self) -> int:
        """0 for `info` to 4 for `critical`."""
        return list(Severity).index(self)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A statement about one artifact, with the fix that is asked for."""

    check: str
    """The deterministic check or the model call that found it, such as `spec-lint`."""
    rule: str
    """The rule within the check, such as `missing-guard`; stable, so that a waiver can name it."""
    severity: Severity
    path: str
    """Of the artifact, from the top of the tree."""
    line: int = 0
    """First line it touches, from 1; 0 where it is about the whole file."""
    message: str
    """The thing by name, and what was expected."""
    fix: str = ""
    """What to do about it."""
    requirement: str = ""
    """The requirement or criterion it touches, such as `FR-001`."""

    @property
    def blocking(self) -> bool:
        """True if a gate with this finding can be waived but not approved: `high` and `critical`."""
        return self.severity.weight >= Severity.high.weight

    @property
    def where(self) -> str:
        """`path:line`, as editors read it."""
        return f"{self.path}:{self.line}" if self.line else self.path


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """By severity, then path and line."""
    return sorted(findings, key=lambda f: (-f.severity.weight, f.path, f.line, f.rule))
