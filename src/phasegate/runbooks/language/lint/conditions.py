"""Lint of conditions that are true, or false, of every item."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from phasegate.core.findings import Severity
from phasegate.runbooks.language.expressions import Node as Tree
from phasegate.runbooks.language.expressions import unparse, walk
from phasegate.runbooks.language.lint.expressions import parse
from phasegate.runbooks.language.lint.source import Node, Report

_MIRRORED = {"gt": "lt", "gte": "lte", "lt": "gt", "lte": "gte", "eq": "eq", "ne": "ne"}
_ORDERS = ("gt", "gte", "lt", "lte")


class _Test(NamedTuple):
    """Comparison of something with a literal."""

    subject: str
    sign: str
    value: Any


def check_condition(report: Report, node: Node) -> None:
    """Report the parts of a condition that decide nothing, since they are the same for every item."""
    if not isinstance(node.value, str):
        return
    tree = parse(report, node, node.value)
    told = dict.fromkeys(_constant(part) for part in walk(tree)) if tree else {}
    for message, fix in (found for found in told if found):
        report.add("constant-condition", Severity.high, node, f"{message} (in: {node.value})", fix)


def _constant(part: Tree) -> tuple[str, str] | None:
    """Return what is constant about a node, with the fix."""
    match part["type"]:
        case "comparator":
            return _compared(part)
        case "and_expression":
            return _never(list(_tests(part, "and_expression")))
        case "or_expression":
            return _always(list(_tests(part, "or_expression")))
    return None


def _compared(part: Tree) -> tuple[str, str] | None:
    left, right = part["children"]
    fix = "compare it with what it should be"
    if left["type"] == right["type"] == "literal":
        return f"`{unparse(part)}` compares two constants", "compare a field of the item"
    if unparse(left) == unparse(right):
        return f"`{unparse(part)}` compares {unparse(left)} with itself", fix
    if part["value"] in _ORDERS and any(_has_no_order(side) for side in (left, right)):
        return f"`{unparse(part)}` is never true, since null, true and false have no order", fix
    test = _test(part)
    if test is None or not test.subject.startswith("length(") or not _is_number(test.value):
        return None
    # No length is below zero.
    if (test.sign, test.value) in (("gte", 0), ("lt", 0)) or (test.value < 0 and test.sign in (*_ORDERS, "eq", "ne")):
        always = "always" if test.sign in ("gt", "gte", "ne") else "never"
        return f"`{unparse(part)}` is {always} true", f"write {test.subject} > `0`, or == `0` for none"
    return None


def _has_no_order(side: Tree) -> bool:
    """Return whether a side is null, which a bare `null` is too, or a boolean, list or map as it stands."""
    if side["type"] == "literal":
        return not (isinstance(side["value"], str) or _is_number(side["value"]))
    return bool(side["type"] == "field" and side["value"] == "null")


def _tests(part: Tree, kind: str) -> Iterator[_Test]:
    """Yield the comparisons with a literal that `&&`, or `||`, joins."""
    for child in part["children"]:
        if child["type"] == kind:
            yield from _tests(child, kind)
        elif (test := _test(child)) is not None:
            yield test


def _test(part: Tree) -> _Test | None:
    if part["type"] != "comparator":
        return None
    left, right = part["children"]
    if right["type"] == "literal" and left["type"] != "literal":
        return _Test(unparse(left), str(part["value"]), right["value"])
    if left["type"] == "literal" and right["type"] != "literal":
        return _Test(unparse(right), _MIRRORED[str(part["value"])], left["value"])
    return None


def _never(tests: Sequence[_Test]) -> tuple[str, str] | None:
    """Return two comparisons of one thing that cannot both hold."""
    for one, other in _pairs(tests):
        if _excludes(one, other) or _excludes(other, one):
            message = f"{_said(one)} and {_said(other)} cannot both be true"
            return message, "write || where either will do, or mend the limits"
    return None


def _excludes(one: _Test, other: _Test) -> bool:
    if one.sign == "eq":
        return not _holds(one.value, other)
    if not (_is_number(one.value) and _is_number(other.value)) or one.sign not in ("gt", "gte"):
        return False
    if other.sign not in ("lt", "lte"):
        return False
    shut = one.value > other.value
    return bool(shut or (one.value == other.value and (one.sign, other.sign) != ("gte", "lte")))


def _holds(value: Any, test: _Test) -> bool:
    """Return whether a value passes a comparison, true where that cannot be said."""
    if test.sign in ("eq", "ne"):
        same = type(value) is type(test.value) and value == test.value
        return same == (test.sign == "eq")
    if not (_is_number(value) and _is_number(test.value)):
        return True
    order = {"gt": value > test.value, "gte": value >= test.value, "lt": value < test.value, "lte": value <= test.value}
    return bool(order[test.sign])


def _always(tests: Sequence[_Test]) -> tuple[str, str] | None:
    """Return two comparisons of one thing of which one always holds."""
    for one, other in _pairs(tests):
        if one.sign == other.sign == "ne" and one.value != other.value:
            return f"{_said(one)} or {_said(other)} is always true", "write && where neither is meant"
    return None


def _pairs(tests: Sequence[_Test]) -> Iterator[tuple[_Test, _Test]]:
    for number, one in enumerate(tests):
        yield from ((one, other) for other in tests[number + 1 :] if other.subject == one.subject)


def _said(test: _Test) -> str:
    sign = {"eq": "==", "ne": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}[test.sign]
    return f"{test.subject} {sign} {test.value!r}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
