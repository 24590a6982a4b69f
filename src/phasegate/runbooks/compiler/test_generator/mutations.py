"""Small changes of an expression that a good test must notice."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from phasegate.runbooks.language.expressions import unparse

Node = dict[str, Any]
_SWAPS = {
    "eq": ("ne",),
    "ne": ("eq",),
    "gt": ("gte", "lt"),
    "gte": ("gt", "lte"),
    "lt": ("lte", "gt"),
    "lte": ("lt", "gte"),
}
_LISTS = ("and_expression", "or_expression")


def alterations(node: Mapping[str, Any], params: Mapping[str, Any]) -> Iterator[tuple[str, Node]]:
    """The same tree with one comparison turned, clause dropped, word or number changed, negation taken away.

    Args:
        node: The tree, as jmespath parses it.
        params: The runbook's parameters, whose numbers and words are changed too.

    Yields:
        The part that was changed, as it stands in the file, and the changed tree.
    """
    for path, part in _parts(dict(node), ()):
        for other in (*_changed(part), *_of_params(part, params)):
            # jmespath caches its trees, so a change in place would reach every later parse.
            whole = copy.deepcopy(dict(node))
            yield unparse(part), _replaced(whole, path, other)


def _parts(node: Node, path: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Node]]:
    yield path, node
    for number, child in enumerate(node.get("children", ())):
        if isinstance(child, dict) and not (node["type"] in _LISTS and child["type"] == "literal"):
            yield from _parts(child, (*path, number))


def _changed(part: Node) -> Iterator[Node]:
    kind = part["type"]
    if kind == "comparator":
        yield from ({**part, "value": other} for other in _SWAPS[part["value"]])
    elif kind in _LISTS:
        # beside a constant, such as the reason of a skip, a clause is all that counts
        left, right = part["children"]
        yield from (child for child, other in ((left, right), (right, left)) if other["type"] != "literal")
        yield {**part, "type": _LISTS[kind == _LISTS[0]]}
    elif kind == "not_expression":
        yield part["children"][0]
    elif kind == "literal":
        yield from ({**part, "value": other} for other in _literals(part["value"]))
    elif kind == "field" and part["value"] != "null":
        # No answer of AWS has such a field, so the clause reads null.
        yield {**part, "value": f"{part['value']}Zz"}


def _of_params(part: Node, params: Mapping[str, Any]) -> Iterator[Node]:
    names = [child.get("value") for child in part.get("children", ()) if child.get("type") == "field"]
    if part["type"] == "subexpression" and len(names) == 2 and names[0] == "_params":
        for value in _literals(params.get(str(names[1]))):
            yield {"type": "literal", "value": value, "children": []}


def _literals(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        step = 1 if isinstance(value, int) else 0.25
        return [value + step, value - step]
    if isinstance(value, str) and value:
        # Longer and shorter, so that a test tells a whole word from its beginning.
        return [f"{value}zz", value[:-1]] if len(value) > 1 else [f"{value}zz"]
    return []


def _replaced(whole: Node, path: tuple[int, ...], part: Node) -> Node:
    if not path:
        return copy.deepcopy(part)
    holder = whole
    for step in path[:-1]:
        holder = holder["children"][step]
    holder["children"][path[-1]] = copy.deepcopy(part)
    return whole
