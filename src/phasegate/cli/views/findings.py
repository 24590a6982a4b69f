"""Findings, the worst first, and errors with theirs."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from phasegate.core import Finding, InvalidInput, PhasegateError, Refused, Severity, one_line, visible, worst_first
from phasegate.core.secrets import without_secrets
from phasegate.workflow import rule_of

STYLES = {
    Severity.critical: "bad",
    Severity.high: "bad",
    Severity.medium: "wait",
    Severity.low: "quiet",
    Severity.info: "quiet",
}

_MOST_BLOCKING, _WIDTH = 5, 200
"""Findings that are named of those that block a gate, and characters of each."""


def findings_list(findings: Sequence[Finding]) -> RenderableType:
    """Each with severity, place, what, and what to do."""
    return Group(*(_row(finding) for finding in worst_first(findings)))


def _row(finding: Finding) -> RenderableType:
    touches = f"  {finding.requirement}" if finding.requirement else ""
    head = Text.assemble(
        (f"{finding.severity.value:<9}", STYLES[finding.severity]),
        (visible(finding.where), "name"),
    )
    message = Text.assemble(visible(finding.message), (f"  {finding.check}/{finding.rule}{touches}", "quiet"))
    lines: list[RenderableType] = [head, Padding(message, (0, 0, 0, 9))]
    if finding.fix:
        lines.append(Padding(Text(f"→ {visible(finding.fix)}"), (0, 0, 0, 9)))
    return Group(*lines)


def tally(findings: Sequence[Finding]) -> str:
    """`2 high, 1 low`, or `no findings`."""
    counts = {severity: sum(f.severity is severity for f in findings) for severity in reversed(Severity)}
    return ", ".join(f"{count} {severity.value}" for severity, count in counts.items() if count) or "no findings"


def blocking_lines(findings: Sequence[Finding]) -> list[str]:
    """Return a line for each of the worst findings that keep a gate from being approved."""
    shown = worst_first(findings)[:_MOST_BLOCKING]
    lines = [f"blocks:    {rule_of(finding)}: {one_line(finding.message)[:_WIDTH]}" for finding in shown]
    left = len(findings) - len(shown)
    return [*lines, f"           and {left} more"] if left else lines


def failure(error: PhasegateError) -> RenderableType:
    """Render an error with its findings, its reason code, and what to do next."""
    lines: list[RenderableType] = [Text.assemble(("✗ ", "bad"), (_shown(str(error)), "bad"))]
    if isinstance(error, InvalidInput) and not _says_all(error):
        lines.append(findings_list(error.findings))
    if isinstance(error, Refused):
        lines.append(Text(f"  reason: {error.reason}", "quiet"))
    if error.fix:
        lines += [Text(_shown(line)) for line in f"→ {error.fix}".splitlines()]
    return Group(*lines)


def _says_all(error: InvalidInput) -> bool:
    """Return whether the error's own text and fix are all that its findings say."""
    return all(finding.message in str(error) and finding.fix == error.fix for finding in error.findings)


def _shown(text: str) -> str:
    return visible(without_secrets(text))
