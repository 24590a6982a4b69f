"""Lint of the region that a part of a runbook is asked in."""

from phasegate.core.findings import Severity
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.lint import expressions
from phasegate.runbooks.language.lint.source import Node, Report
from phasegate.runbooks.language.lint.types import Anything, Plain, Record, Type, described


def check_region(report: Report, node: Node | None, current: Type) -> None:
    """Check a `region`: one that AWS has, or an expression over the item that yields a text."""
    if node is None or not isinstance(node.value, str):
        return
    if node.value.startswith("="):
        found = expressions.check(report, node, current, text=node.value[1:])
        if not isinstance(found, Anything | Plain):
            message = f"the region is a text, and {node.value} yields {described(found)}"
            report.add("parameter-type", Severity.high, node, message, "take one value out of it")
    elif node.value not in aws.regions():
        is_field = isinstance(current, Record) and current.field(node.value) is not None
        fix = f'write region: "={node.value}"' if is_field else aws.suggest(node.value, sorted(aws.regions()))
        report.add("unknown-region", Severity.high, node, f"AWS has no region {node.value!r}", fix)
