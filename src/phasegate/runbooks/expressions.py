"""Reading and writing JMESPath: syntax trees, the functions that they may call, and their text."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from phasegate.runbooks.functions import FUNCTIONS

Node = Mapping[str, Any]

NAMES = ("_account", "_region", "_now", "_params", "_items", "_ids")
"""Names that an expression may use beside the keys of the row."""

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COMPARATORS = {"eq": "==", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_PROJECTIONS = {"projection", "filter_projection", "value_projection", "flatten"}
_LOOSE = {"or_expression", "and_expression", "comparator", "pipe", "not_expression", "expref"}


@cache
def parse(text: str) -> Node:
    """The syntax tree.

    Raises:
        ValueError: it is no JMESPath; the message shows where it breaks off.
    """
    try:
        return jmespath.compile(text).parsed
    except (JMESPathError, ValueError) as error:
        raise ValueError(f"{text!r} is no JMESPath: {' '.join(str(error).split())}") from error


def check_expression(text: str) -> None:
    """Validate an expression against JMESPath's grammar and the function table.

    Raises:
        ValueError: it does not parse, or calls what there is not, or with a wrong number of arguments.
    """
    for node in walk(parse(text)):
        if node["type"] == "function_expression":
            name, given = node["value"], len(node["children"])
            if name not in FUNCTIONS:
                raise ValueError(f"there is no function {name}() in {text!r}")
            if not FUNCTIONS[name].arity.allows(given):
                raise ValueError(f"{name}() takes {FUNCTIONS[name].arity}, not {given}, in {text!r}")


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    for child in node["children"]:
        if isinstance(child, Mapping):
            yield from walk(child)


def fields(node: Node) -> set[str]:
    """Return every key that a syntax tree names, at any depth."""
    return {str(part["value"]) for part in walk(node) if part["type"] == "field"}


def names(text: str) -> set[str]:
    """Return every key that an expression names, at any depth."""
    return fields(parse(text))


def unparse(node: Node) -> str:
    """Write a syntax tree as text that parses to the same tree.

    >>> unparse(parse("a[?b=='x'].c | [0]"))
    "a[?b == 'x'].c | [0]"
    """
    return _WRITERS[node["type"]](node)


def _field(node: Node) -> str:
    return _key(node["value"])


def _key(name: str) -> str:
    return name if _WORD.fullmatch(name) else json.dumps(name)


def _literal(node: Node) -> str:
    value = node["value"]
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'" if "\\" not in value else _json(value)
    return _json(value)


def _json(value: Any) -> str:
    return "`" + json.dumps(value).replace("`", "\\`") + "`"


def _operand(node: Node) -> str:
    """A side of `.`, `[` or `!`: what binds less, and what would go on projecting, stands in parentheses."""
    text = unparse(node)
    return f"({text})" if node["type"] in _PROJECTIONS | _LOOSE or _projects(node) else text


def _projects(node: Node) -> bool:
    """Return whether a suffix would be read as part of a projection within the node."""
    if node["type"] in ("subexpression", "index_expression"):
        return any(_projects(child) or child["type"] in _PROJECTIONS for child in node["children"])
    return False


def _follow(left: str, right: str) -> str:
    if not left or right.startswith("["):
        return left + right
    return f"{left}.{right}" if right else left


def _subexpression(node: Node) -> str:
    first, *others = node["children"]
    return ".".join([_operand(first), *(unparse(other) for other in others)])


def _index_expression(node: Node) -> str:
    first, *others = node["children"]
    return _base(first) + "".join(unparse(other) for other in others)


def _base(node: Node) -> str:
    """Write the base of `[0]` and `[*]`, which bind to the last key of a path unless it stands in parentheses."""
    if node["type"] == "identity":
        return ""
    return f"({unparse(node)})" if node["type"] == "subexpression" else _operand(node)


def _index(node: Node) -> str:
    return f"[{node['value']}]"


def _slice(node: Node) -> str:
    begin, end, step = ("" if part is None else str(part) for part in node["children"])
    return f"[{begin}:{end}:{step}]" if step else f"[{begin}:{end}]"


def _projection(node: Node) -> str:
    left, right = node["children"]
    if left["type"] == "flatten" or _is_slice(left):
        return _tail(unparse(left), right)
    return _tail(f"{_base(left)}[*]", right)


def _is_slice(node: Node) -> bool:
    return bool(node["type"] == "index_expression" and node["children"][-1]["type"] == "slice")


def _flatten(node: Node) -> str:
    (base,) = node["children"]
    if base["type"] == "identity":
        return "[]"
    text = unparse(base)
    return f"({text})[]" if base["type"] in _LOOSE else f"{text}[]"


def _filter_projection(node: Node) -> str:
    left, right, condition = node["children"]
    base = "" if left["type"] == "identity" else _operand(left)
    return _tail(f"{base}[?{unparse(condition)}]", right)


def _value_projection(node: Node) -> str:
    left, right = node["children"]
    return _tail(f"{_base(left)}.*" if left["type"] != "identity" else "*", right)


def _tail(head: str, right: Node) -> str:
    return _follow(head, "" if right["type"] == "identity" else unparse(right))


def _call(node: Node) -> str:
    return f"{node['value']}({', '.join(unparse(child) for child in node['children'])})"


def _binary(sign: str, looser: set[str]) -> Callable[[Node], str]:
    def write(node: Node) -> str:
        sides = (f"({unparse(side)})" if side["type"] in looser else unparse(side) for side in node["children"])
        return f" {sign} ".join(sides)

    return write


def _comparator(node: Node) -> str:
    return _binary(_COMPARATORS[node["value"]], _LOOSE - {"not_expression", "expref"})(node)


def _and(node: Node) -> str:
    return (
        _binary("&&", {"or_expression", "pipe", "and_expression"})(node) if _right_nested(node) else _chain(node, "&&")
    )


def _or(node: Node) -> str:
    return _binary("||", {"pipe", "or_expression"})(node) if _right_nested(node) else _chain(node, "||")


def _right_nested(node: Node) -> bool:
    return bool(node["children"][1]["type"] == node["type"])


def _chain(node: Node, sign: str) -> str:
    looser = {"pipe", "or_expression"} if sign == "&&" else {"pipe"}
    return _binary(sign, looser)(node)


def _not(node: Node) -> str:
    (child,) = node["children"]
    text = unparse(child)
    return f"!{text}" if child["type"] in ("field", "function_expression", "current", "literal") else f"!({text})"


def _pipe(node: Node) -> str:
    left, right = node["children"]
    return f"{unparse(left)} | {f'({unparse(right)})' if right['type'] == 'pipe' else unparse(right)}"


def _multi_list(node: Node) -> str:
    return f"[{', '.join(unparse(child) for child in node['children'])}]"


def _multi_dict(node: Node) -> str:
    return (
        "{" + ", ".join(f"{_key(child['value'])}: {unparse(child['children'][0])}" for child in node["children"]) + "}"
    )


_WRITERS: Mapping[str, Callable[[Node], str]] = {
    "field": _field,
    "literal": _literal,
    "current": lambda node: "@",
    "identity": lambda node: "@",
    "subexpression": _subexpression,
    "index_expression": _index_expression,
    "index": _index,
    "slice": _slice,
    "projection": _projection,
    "flatten": _flatten,
    "filter_projection": _filter_projection,
    "value_projection": _value_projection,
    "function_expression": _call,
    "comparator": _comparator,
    "and_expression": _and,
    "or_expression": _or,
    "not_expression": _not,
    "pipe": _pipe,
    "multi_select_list": _multi_list,
    "multi_select_dict": _multi_dict,
    "expref": lambda node: f"&{_operand(node['children'][0])}",
}
