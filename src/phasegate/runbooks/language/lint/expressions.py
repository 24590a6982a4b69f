"""Lint of single expressions."""

import re

import jmespath
from jmespath.exceptions import JMESPathError, ParseError

from phasegate.core.findings import Severity
from phasegate.runbooks.language.expressions import Node as Tree
from phasegate.runbooks.language.lint.infer import Problem, Walk
from phasegate.runbooks.language.lint.source import Node, Report
from phasegate.runbooks.language.lint.types import ANYTHING, Type

_WORDS = {"and": "&&", "or": "||", "not": "!", "in": "contains(list, value)"}


def check(report: Report, node: Node, outer: Type, *, text: str | None = None) -> Type:
    """Report the problems of the expression at a node, and return the type it yields from `outer`.

    Args:
        report: takes the findings.
        node: where the expression stands.
        outer: the type that the expression is read from.
        text: the expression, where it is not the whole text of the node.
    """
    written = node.value if text is None else text
    if not isinstance(written, str):
        if not isinstance(node.value, bool):  # a bare on, off, yes or no is told already
            fix = f'write "`{node.raw}`", in back-ticks and quotes'
            report.add("not-an-expression", Severity.high, node, f"{node.raw!r} is no expression", fix)
        return ANYTHING
    tree = parse(report, node, written)
    if tree is None:
        return ANYTHING
    walk = Walk(outer=outer)
    found = walk.infer(tree, outer)
    for problem in walk.problems:
        _tell(report, node, written, problem)
    return found


def parse(report: Report, node: Node, written: str) -> Tree | None:
    """Return the expression's tree, or None and a finding where it is no JMESPath."""
    try:
        tree: Tree = jmespath.compile(written).parsed
    except JMESPathError as error:
        _tell(report, node, written, _syntax(written, error))
        return None
    return tree


def _tell(report: Report, node: Node, written: str, problem: Problem) -> None:
    severity = Severity.high if problem.certain else Severity.medium
    message = f"{problem.message} (in: {_short(written)})"
    report.add(problem.rule, severity, node, message, problem.fix, about=problem.about)


def _short(written: str) -> str:
    one_line = " ".join(written.split())
    return one_line if len(one_line) <= 80 else one_line[:77] + "…"


def _syntax(written: str, error: JMESPathError) -> Problem:
    token = getattr(error, "token_value", None)
    if isinstance(error, ParseError) and getattr(error, "token_type", "") == "NUMBER":
        message = f"the number {token} stands without back-ticks"
        return Problem(rule="bare-literal", message=message, fix=f"write `{token}` in back-ticks", about=str(token))
    if token in _WORDS:
        message = f"{token!r} is no operator in JMESPath"
        return Problem(rule="syntax", message=message, fix=f"write {_WORDS[token]}", about=str(token))
    if re.search(r"[^=!<>]=[^=]", written):
        return Problem(rule="syntax", message="a single = compares nothing", fix="write ==", about="=")
    reason = str(error).splitlines()[0].rstrip(":")
    fix = "see jmespath.org; strings are in single quotes, numbers and booleans in back-ticks"
    return Problem(rule="syntax", message=f"not JMESPath: {reason}", fix=fix)
