"""Reading and writing JMESPath: syntax trees, the functions that they may call, and their text."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from phasegate.runbooks.language.functions import FUNCTIONS

Node = Mapping[str, Any]

NAMES = ("_account", "_region", "_now", "_params", "_items", "_ids")
"""Names that an expression may use beside the keys of the row."""

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COMPARATORS = {"eq": "==", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_PROJECTIONS = {"projection", "filter_projection", "value_projection", "flatten"}
# Node types that bind less than a suffix does.
_LOOSE = {"or_expression", "and_expression", "comparator", "pipe", "not_expression", "expref"}


@cache
def parse(text: str) -> Node:
    """The syntax tree.

    Raises:
        ValueError: it is no JMESPath; the message shows where it breaks off.
    """
    try:
        # Cached by the decorator: the same text is asked for by lint, code, tests and documents.
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


class Visitor:
    """Dispatch over syntax trees: a node of type `field` goes to the method `_field`, if there is one."""

    def visit(self, node: Node, *context: Any) -> Any:
        """Return the result of the method for the node's type, or of `_other`."""
        return getattr(self, f"_{node['type']}", self._other)(node, *context)

    def _other(self, node: Node, *context: Any) -> Any:
        return None


def unparse(node: Node) -> str:
    """Write a syntax tree as text that parses to the same tree.

    >>> unparse(parse("a[?b=='x'].c | [0]"))
    "a[?b == 'x'].c | [0]"
    """
    return str(_WRITER.visit(node))


def _key(name: str) -> str:
    return name if _WORD.fullmatch(name) else json.dumps(name)


def _projects(node: Node) -> bool:
    """Return whether a suffix would be read as part of a projection within the node."""
    if node["type"] in ("subexpression", "index_expression"):
        return any(_projects(child) or child["type"] in _PROJECTIONS for child in node["children"])
    return False


def _operand(node: Node) -> str:
    """Write a side of `.`, `[` or `!`, in parentheses if it binds less or would go on projecting."""
    text = unparse(node)
    return f"({text})" if node["type"] in _PROJECTIONS | _LOOSE or _projects(node) else text


def _base(node: Node) -> str:
    """Write the base of `[0]` and `[*]`, which bind to the last key of a path unless it stands in parentheses."""
    if node["type"] == "identity":
        return ""
    return f"({unparse(node)})" if node["type"] == "subexpression" else _operand(node)


def _tail(head: str, right: Node) -> str:
    """Write what a projection takes of each element."""
    text = "" if right["type"] == "identity" else unparse(right)
    return f"{head}.{text}" if head and text and not text.startswith("[") else head + text


def _binary(sign: str, node: Node, looser: set[str]) -> str:
    left, right = node["children"]
    # A right side of the same kind was in parentheses: without them it would group to the left.
    nested = {node["type"]} if right["type"] == node["type"] else set[str]()
    sides = (f"({unparse(side)})" if side["type"] in looser | nested else unparse(side) for side in (left, right))
    return f" {sign} ".join(sides)


class _Writer(Visitor):
    def _field(self, node: Node) -> str:
        return _key(node["value"])

    def _literal(self, node: Node) -> str:
        value = node["value"]
        if isinstance(value, str) and "\\" not in value:
            return "'" + value.replace("'", "\\'") + "'"
        return "`" + json.dumps(value).replace("`", "\\`") + "`"

    def _current(self, node: Node) -> str:
        return "@"

    _identity = _current

    def _subexpression(self, node: Node) -> str:
        first, *others = node["children"]
        return ".".join([_operand(first), *map(unparse, others)])

    def _index_expression(self, node: Node) -> str:
        first, *others = node["children"]
        return _base(first) + "".join(map(unparse, others))

    def _index(self, node: Node) -> str:
        return f"[{node['value']}]"

    def _slice(self, node: Node) -> str:
        begin, end, step = ("" if part is None else str(part) for part in node["children"])
        return f"[{begin}:{end}:{step}]" if step else f"[{begin}:{end}]"

    def _projection(self, node: Node) -> str:
        left, right = node["children"]
        is_slice = left["type"] == "index_expression" and left["children"][-1]["type"] == "slice"
        return _tail(unparse(left) if left["type"] == "flatten" or is_slice else f"{_base(left)}[*]", right)

    def _flatten(self, node: Node) -> str:
        (base,) = node["children"]
        text = "" if base["type"] == "identity" else unparse(base)
        return f"({text})[]" if base["type"] in _LOOSE else f"{text}[]"

    def _filter_projection(self, node: Node) -> str:
        left, right, condition = node["children"]
        base = "" if left["type"] == "identity" else _operand(left)
        return _tail(f"{base}[?{unparse(condition)}]", right)

    def _value_projection(self, node: Node) -> str:
        left, right = node["children"]
        return _tail("*" if left["type"] == "identity" else f"{_base(left)}.*", right)

    def _function_expression(self, node: Node) -> str:
        return f"{node['value']}({', '.join(map(unparse, node['children']))})"

    def _comparator(self, node: Node) -> str:
        return _binary(_COMPARATORS[node["value"]], node, _LOOSE - {"not_expression", "expref"})

    def _and_expression(self, node: Node) -> str:
        return _binary("&&", node, {"pipe", "or_expression"})

    def _or_expression(self, node: Node) -> str:
        return _binary("||", node, {"pipe"})

    def _not_expression(self, node: Node) -> str:
        (child,) = node["children"]
        text = unparse(child)
        return f"!{text}" if child["type"] in ("field", "function_expression", "current", "literal") else f"!({text})"

    def _pipe(self, node: Node) -> str:
        left, right = node["children"]
        return f"{unparse(left)} | {f'({unparse(right)})' if right['type'] == 'pipe' else unparse(right)}"

    def _multi_select_list(self, node: Node) -> str:
        return f"[{', '.join(map(unparse, node['children']))}]"

    def _multi_select_dict(self, node: Node) -> str:
        entries = (f"{_key(child['value'])}: {unparse(child['children'][0])}" for child in node["children"])
        return f"{{{', '.join(entries)}}}"

    def _expref(self, node: Node) -> str:
        return f"&{_operand(node['children'][0])}"


_WRITER = _Writer()
