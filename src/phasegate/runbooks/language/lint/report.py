"""Collects what the lint finds, each with the line it is about."""

from dataclasses import dataclass, field

from phasegate.core.findings import Finding, Severity
from phasegate.runbooks.language.lint.source import Node

CHECK = "runbook-lint"


@dataclass(kw_only=True)
class Report:
    """Findings about one file, in the order they were met."""

    path: str
    lines: list[str]
    findings: list[Finding] = field(default_factory=list)

    def add(self, rule: str, severity: Severity, node: Node | int, message: str, fix: str, *, about: str = "") -> None:
        """Add a finding at a node, or at the line within it that holds the word `about`."""
        line = node if isinstance(node, int) else self._line(node, about)
        finding = Finding(
            check=CHECK, rule=rule, severity=severity, path=self.path, line=line, message=message, fix=fix
        )
        if finding not in self.findings:
            self.findings.append(finding)

    def _line(self, node: Node, about: str) -> int:
        for number in range(node.line, min(node.last, len(self.lines)) + 1) if about else ():
            if about in self.lines[number - 1]:
                return number
        return node.line
