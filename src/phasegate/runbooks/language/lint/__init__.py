"""The lint of a runbook: what would be read otherwise than it was meant, each with its line and its fix."""

import re
from collections.abc import Iterator

from phasegate.core.errors import InvalidInput
from phasegate.core.findings import Finding, Severity
from phasegate.runbooks.language.lint import expressions
from phasegate.runbooks.language.lint.actions import check_actions
from phasegate.runbooks.language.lint.conditions import check_condition
from phasegate.runbooks.language.lint.frame import check_frame
from phasegate.runbooks.language.lint.item import item
from phasegate.runbooks.language.lint.meaning import check_meaning
from phasegate.runbooks.language.lint.source import CHECK, Node, Report, nodes
from phasegate.runbooks.language.model import load

_OPEN = re.compile(r"\[NEEDS CLARIFICATION:?\s*([^\]\n]*)")

__all__ = ["lint", "readable"]


def readable(text: str, path: str) -> None:
    """Refuse text that is no YAML, or YAML with anchors, tags, or a size or depth that no runbook has.

    Raises:
        InvalidInput: with file, line and fix.
    """
    nodes(text, path, check=CHECK)


def lint(text: str, path: str) -> list[Finding]:
    """Return the findings about a runbook's text, sorted by line.

    High and critical ones mean that it cannot do what it says.

    Args:
        text: the content of `runbook.yaml`.
        path: where it stands in the tree, for the findings.
    """
    report = Report(path=path, lines=text.splitlines())
    try:
        root = nodes(text, path, check=CHECK)
    # Nothing below can be said of a file that is no safe YAML.
    except InvalidInput as error:
        return list(error.findings)
    _check(report, root)
    report.findings.extend(_open(text, path))
    report.findings.extend(_not_said_yet(report, _of_the_grammar(text, path)))
    return sorted(report.findings, key=lambda finding: (finding.line, finding.rule, finding.message))


def _open(text: str, path: str) -> Iterator[Finding]:
    """Find the marks that a template leaves where its author has to write."""
    for number, line in enumerate(text.splitlines(), 1):
        for question in _OPEN.findall(line):
            yield Finding(
                check=CHECK,
                rule="needs-clarification",
                severity=Severity.high,
                path=path,
                line=number,
                message=f"an open question: {question}",
                fix="write the answer in place of the mark",
            )


def _of_the_grammar(text: str, path: str) -> tuple[Finding, ...]:
    try:
        load(text, path)
    except InvalidInput as error:
        return error.findings
    return ()


def _not_said_yet(report: Report, findings: tuple[Finding, ...]) -> Iterator[Finding]:
    """The grammar's findings, without those for a line that is already told, with a better fix, to be wrong."""
    # The grammar's message about the same line would only repeat the lint's in other words.
    told = {finding.line for finding in report.findings if finding.blocking}
    return (finding for finding in findings if finding.line not in told)


def _check(report: Report, root: Node) -> None:
    before, after = item(report, root)
    for key, outer in (("where", before), ("id", before), ("match", after), ("warn", after), ("skip", after)):
        written = root.get(key)
        if written:
            expressions.check(report, written, outer)
            if key != "id":
                check_condition(report, written)
    check_frame(report, root, after)
    check_actions(report, root, after)
    check_meaning(report, root)
