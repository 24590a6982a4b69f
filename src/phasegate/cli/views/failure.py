"""An error as people see it."""

from rich.console import Group, RenderableType
from rich.text import Text

from phasegate.cli.views.findings import findings_list
from phasegate.core import InvalidInput, PhasegateError, Refused, visible
from phasegate.core.secrets import without_secrets


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
