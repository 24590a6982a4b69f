"""The lint of a runbook: what would be read otherwise than it was meant, each with its line and its fix."""

from phasegate.core.findings import Finding, Severity
from phasegate.runbooks.lint import expressions
from phasegate.runbooks.lint.actions import check_actions
from phasegate.runbooks.lint.frame import check_frame
from phasegate.runbooks.lint.item import item
from phasegate.runbooks.lint.report import Report
from phasegate.runbooks.lint.source import Node, Unreadable, read

__all__ = ["lint"]

_REQUIRED = ("list", "id", "match")


def lint(text: str, path: str) -> list[Finding]:
    """Findings about a runbook's text, by line; high and critical ones say that it cannot do what it says.

    Args:
        text: the content of `runbook.yaml`.
        path: where it stands in the tree, for the findings.
    """
    report = Report(path=path, lines=text.splitlines())
    try:
        root = read(text)
    except Unreadable as error:
        report.add(error.rule, Severity.high, error.line, str(error), error.fix)
    else:
        _check(report, root)
    return sorted(report.findings, key=lambda finding: (finding.line, finding.rule, finding.message))


def _check(report: Report, root: Node) -> None:
    for key in _REQUIRED:
        if root.get(key) is None:
            report.add("missing-key", Severity.high, 1, f"the runbook has no {key!r}", f"add {key}: …")
    before, after = item(report, root)
    for key, outer in (("where", before), ("id", before), ("match", after), ("warn", after), ("skip", after)):
        node = root.get(key)
        for written in _conditions(node) if node else ():
            expressions.check(report, written, outer)
    check_frame(report, root, after)
    check_actions(report, root, after)


def _conditions(node: Node) -> list[Node]:
    """The expressions of a condition, which may stand alone, in a list, or beside a reason."""
    return [entry.get("when") or entry for entry in node.each()]
