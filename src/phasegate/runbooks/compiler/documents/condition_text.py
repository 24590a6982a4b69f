"""Expressions in plain words: what a condition asks of an item, for people who do not read JMESPath."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from phasegate.core.formatting import listing
from phasegate.runbooks.compiler.documents.text import code
from phasegate.runbooks.language.expressions import Node, parse, unparse
from phasegate.runbooks.language.functions import FUNCTIONS

_THAN = {
    "gt": "more than",
    "gte": "at least",
    "lt": "less than",
    "lte": "at most",
    "eq": "exactly",
    "ne": "not exactly",
}
_IS = {"gt": "is above", "gte": "is at least", "lt": "is below", "lte": "is at most", "eq": "is", "ne": "is not"}
_NEGATED = {"gt": "lte", "gte": "lt", "lt": "gte", "lte": "gt", "eq": "ne", "ne": "eq"}


def said(expression: str, params: Mapping[str, Any]) -> str:
    """A condition in plain words, without its full stop.

    Args:
        expression: JMESPath that is read as true or false.
        params: the runbook's parameters and their defaults.

    >>> said("State == 'available' && age_days(CreateTime) > _params.days", {"days": 30})
    '`State` is `available`, and `CreateTime` is more than `days` (30 unless set otherwise) days ago'
    """
    return _Speaker(params=params).condition(parse(expression))


class _Speaker:
    def __init__(self, *, params: Mapping[str, Any]) -> None:
        self._params = params

    def condition(self, node: Node) -> str:
        match node["type"]:
            case "and_expression":
                return self._joined(node, ", and ", "or_expression")
            case "or_expression":
                return self._joined(node, ", or ", "and_expression")
            case "not_expression":
                return self._not(node["children"][0])
            case "comparator":
                return self._comparator(node, str(node["value"]))
            case "function_expression":
                return self._call(node)
            case _:
                return f"there is a value of {self.value(node)}"

    def _joined(self, node: Node, word: str, other: str) -> str:
        parts = [
            f"({self.condition(child)})" if child["type"] == other else self.condition(child)
            for child in node["children"]
        ]
        return word.join(parts)

    def _not(self, node: Node) -> str:
        if node["type"] == "comparator":
            return self._comparator(node, _NEGATED[node["value"]])
        if node["type"] == "function_expression":
            return self._call(node, negated=True)
        if node["type"] in ("and_expression", "or_expression"):
            return f"it is not so that {self.condition(node)}"
        return f"{self.value(node)} is missing or empty"

    def _comparator(self, node: Node, operator: str) -> str:
        left, right = node["children"]
        if left["type"] == "literal" and right["type"] != "literal":
            # `30 < age` is told as an age of more than 30.
            left, right = right, left
            operator = {"gt": "lt", "gte": "lte", "lt": "gt", "lte": "gte"}.get(operator, operator)
        special = _COMPARED.get(str(left.get("value"))) if left["type"] == "function_expression" else None
        if special:
            return special(self, left["children"], operator, right)
        if _is_null(right):
            return f"{self.value(left)} is {'missing' if operator == 'eq' else 'there'}"
        return f"{self.value(left)} {_IS[operator]} {self.value(right)}"

    def _call(self, node: Node, *, negated: bool = False) -> str:
        name, arguments = str(node["value"]), node["children"]
        if name == "tag":
            return _has_tag(self, arguments, negated)
        if words := FUNCTIONS[name].words:
            return f"{self.value(arguments[0])} {words[negated]} {self.value(arguments[1])}"
        return f"{code(unparse(node))} {'does not hold' if negated else 'holds'}"

    def value(self, node: Node) -> str:
        """Name a value: a literal as it is, a parameter with its default, anything else as written."""
        if node["type"] == "literal":
            return _literal(node["value"])
        if node["type"] == "subexpression" and node["children"][0].get("value") == "_params":
            name = str(node["children"][1]["value"])
            return f"{code(name)} ({_literal(self._params.get(name))} unless set otherwise)"
        if node["type"] == "function_expression" and node["value"] == "not_null":
            return f"the first that is there of {listing([self.value(child) for child in node['children']])}"
        return code(unparse(node))


def _literal(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return "empty" if value == "" else code(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _is_null(node: Node) -> bool:
    return (node["type"] == "literal" and node["value"] is None) or (
        node["type"] == "field" and node["value"] == "null"
    )


def _age(speaker: _Speaker, arguments: list[Node], operator: str, right: Node) -> str:
    # "More than 0 days ago" is no way to say that a date has passed.
    if operator in ("gt", "gte") and right.get("value") == 0:
        return f"{speaker.value(arguments[0])} is {'now or ' if operator == 'gte' else ''}in the past"
    return f"{speaker.value(arguments[0])} is {_THAN[operator]} {speaker.value(right)} days ago"


def _days_until(speaker: _Speaker, arguments: list[Node], operator: str, right: Node) -> str:
    return f"{speaker.value(arguments[0])} is {_THAN[operator]} {speaker.value(right)} days away"


def _length(speaker: _Speaker, arguments: list[Node], operator: str, right: Node) -> str:
    what, count = speaker.value(arguments[0]), right.get("value")
    if (operator, count) in (("eq", 0), ("lt", 1), ("lte", 0)):
        return f"{what} is empty"
    if (operator, count) in (("gt", 0), ("gte", 1), ("ne", 0)):
        return f"{what} is not empty"
    return f"{what} has {_THAN[operator]} {speaker.value(right)} entries"


def _tagged(speaker: _Speaker, arguments: list[Node], operator: str, right: Node) -> str:
    key = speaker.value(arguments[1])
    if _is_null(right):
        return f"it carries {'no tag' if operator == 'eq' else 'the tag'} {key}"
    return f"its tag {key} {_IS[operator]} {speaker.value(right)}"


def _has_tag(speaker: _Speaker, arguments: list[Node], negated: bool) -> str:
    key = speaker.value(arguments[1])
    return f"its tag {key} is missing or empty" if negated else f"it carries the tag {key}, and not empty"


_COMPARED: Mapping[str, Callable[[_Speaker, list[Node], str, Node], str]] = {
    "age_days": _age,
    "days_until": _days_until,
    "length": _length,
    "tag": _tagged,
}
