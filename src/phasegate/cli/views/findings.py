"""Findings, the worst first."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from phasegate.core import Finding, Severity, visible, worst_first

STYLES = {
    Severity.critical: "bad",
    Severity.high: "bad",
    Severity.medium: "wait",
    Severity.low: "quiet",
    Severity.info: "quiet",
}


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
