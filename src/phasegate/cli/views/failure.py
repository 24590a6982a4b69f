"""An error as people see it."""

from rich.console import Group, RenderableType
from rich.text import Text

from phasegate.cli.views.findings import findings_list
from phasegate.core import InvalidInput, PhasegateError, Refused, visible


def failure(error: PhasegateError) -> RenderableType:
    """What happened, its findings, its reason code, and what to do next."""
    lines: list[RenderableType] = [Text.assemble(("✗ ", "bad"), (visible(str(error)), "bad"))]
    if isinstance(error, InvalidInput) and error.findings:
        lines.append(findings_list(error.findings))
    if isinstance(error, Refused):
        lines.append(Text(f"  reason: {error.reason}", "quiet"))
    if error.fix:
        lines += [Text(visible(line)) for line in f"→ {error.fix}".splitlines()]
    return Group(*lines)
