"""Walks an expression's tree with the types of what it reads, and names what cannot be there.

A field that the item does not have is null in JMESPath: no error, and no finding ever. So each is looked up here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from phasegate.runbooks import aws
from phasegate.runbooks.expressions import Node
from phasegate.runbooks.functions import FUNCTIONS, Function
from phasegate.runbooks.lint.types import (
    ANYTHING,
    BOOLEAN,
    NUMBER,
    STRING,
    Anything,
    Many,
    Plain,
    Record,
    Table,
    Type,
    described,
    of_value,
    one_of,
)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Problem of an expression."""

    rule: str
    message: str
    fix: str
    about: str = ""
    """The word that it is about, to find its line."""
    certain: bool = True
    """True if the expression cannot do what it says, and False if it only looks so."""


@dataclass(kw_only=True)
class Walk:
    """Type inference over one expression."""

    outer: Type
    """Type that the expression starts from."""
    problems: list[Problem] = field(default_factory=list)

    def infer(self, node: Node, current: Type, *, dotted: bool = False) -> Type:
        """The type that the node yields when it is read from `current`.

        `dotted` says that the node stands behind a dot or brackets, as `b` in `a.b`: what it lacks is then simply
        unknown, and not out of reach.
        """
        visit = _VISITS.get(node["type"])
        return visit(self, node, current, dotted) if visit else ANYTHING

    def tell(self, rule: str, message: str, fix: str, about: str = "", *, certain: bool = True) -> Type:
        """Record a problem, and return the unknown type."""
        problem = Problem(rule=rule, message=message, fix=fix, about=about, certain=certain)
        if problem not in self.problems:
            self.problems.append(problem)
        return ANYTHING


def _field(walk: Walk, node: Node, current: Type, dotted: bool) -> Type:
    name = str(node["value"])
    match current:
        case Record():
            found = current.field(name)
            return _absent(walk, name, current, dotted) if found is None else found
        case Table():
            return current.element
        case Many() if name != "null":
            return _within_list(walk, name, current, dotted)
        case Plain() if name != "null":
            return _within_plain(walk, name, current, dotted)
        case _:
            return ANYTHING


def _absent(walk: Walk, name: str, current: Record, dotted: bool) -> Type:
    if name == "null" and not dotted:
        return ANYTHING
    if name in ("true", "false") and not dotted:
        return walk.tell(
            "bare-literal",
            f"{name!r} without back-ticks is read as a field of that name, which is null",
            f"write `{name}` in back-ticks",
            name,
        )
    if not dotted and current is not walk.outer and _has(walk.outer, name):
        return _out_of_reach(walk, name, current.name)
    if current.name == "_params":
        return walk.tell(
            "unknown-param",
            f"scope.params has no {name!r}",
            f"add it under scope.params, or: {aws.suggest(name, list(current.members))}",
            name,
        )
    fix = aws.suggest(name, list(current.members))
    if not dotted and current is walk.outer:
        fix += f" A string is written in single quotes: '{name}'."
    return walk.tell("unknown-field", f"{current.name} has no field {name!r}", fix, name)


def _within_list(walk: Walk, name: str, current: Many, dotted: bool) -> Type:
    if not dotted and _has(walk.outer, name) and current is not walk.outer:
        return _out_of_reach(walk, name, "a list")
    return walk.tell(
        "field-of-list",
        f"{name!r} is read from a list, which is always null",
        f"write [].{name} for the value of each, or [0].{name} for the first",
        name,
    )


def _within_plain(walk: Walk, name: str, current: Plain, dotted: bool) -> Type:
    if name in ("true", "false") and not dotted:
        return _absent(walk, name, Record(name=current.name, members={}), dotted)
    if not dotted and _has(walk.outer, name):
        return _out_of_reach(walk, name, described(current))
    return walk.tell(
        "unknown-field",
        f"{name!r} is read from {described(current)}, which has no fields",
        "leave it out, or read it from the value that holds it",
        name,
    )


def _out_of_reach(walk: Walk, name: str, inner: str) -> Type:
    return walk.tell(
        "out-of-reach",
        f"{name!r} is of the outer item, out of reach inside the brackets: there, names are those of {inner}",
        f"take the values out first and compare outside, as in contains(list[].Key, {name}), or join with `with`",
        name,
    )


def _has(value: Type, name: str) -> bool:
    return isinstance(value, Record) and value.field(name) is not None


def _subexpression(walk: Walk, node: Node, current: Type, dotted: bool) -> Type:
    first, *rest = node["children"]
    if first["type"] == "not_expression":
        _not_binds_tighter(walk, "!a.b", "(!a).b", "!(a.b)")
        walk.infer(first, current)
        return ANYTHING
    value = walk.infer(first, current, dotted=dotted)
    for child in rest:
        value = walk.infer(child, value, dotted=True)
    return value


def _not_binds_tighter(walk: Walk, written: str, read: str, meant: str) -> None:
    walk.tell(
        "not-binds-tighter",
        f"`{written}` is read as `{read}`: `!` applies to the first name alone, and the rest is null",
        f"write `{meant}`",
        "!",
    )


def _index_expression(walk: Walk, node: Node, current: Type, dotted: bool) -> Type:
    first, *places = node["children"]
    value = walk.infer(first, current, dotted=dotted)
    for place in places:
        value = _indexed(walk, place, value)
    return value


def _indexed(walk: Walk, place: Node, value: Type) -> Type:
    if isinstance(value, Record | Plain | Table):
        return walk.tell(
            "not-a-list",
            f"[{place.get('value', ':')}] is taken of {described(value)}, which is always null",
            "leave the brackets out",
            "[",
        )
    if place["type"] == "slice":
        return value
    return value.element if isinstance(value, Many) else ANYTHING


def _elements(walk: Walk, node: Node, current: Type, dotted: bool) -> Type:
    """The type of the elements that brackets go over."""
    if node["type"] == "not_expression":
        _not_binds_tighter(walk, "!x[…]", "(!x)[…]", "!(x[…])")
        walk.infer(node, current)
        return ANYTHING
    value = walk.infer(node, current, dotted=dotted)
    if isinstance(value, Record | Plain | Table):
        return walk.tell(
            "not-a-list",
            f"brackets go over {described(value)}, which gives null",
            "leave the brackets out, or wrap it in as_list()",
            "[",
        )
    return value.element if isinstance(value, Many) else ANYTHING


def _projection(walk: Walk, node: Node, current: Type, dotted: bool) -> Type:
    left, right = node["children"]
    return Many(element=walk.infer(right, _elements(walk, left, current, dotted), dotted=True))


def _flatten(walk: Walk, node: Node, current: Type, dotted: bool) -> Type:
    element = _elements(walk, node["children"][0], current, dotted)
    return element if isinstance(element, Many) else Many(element=element)


def _filter_projection(walk: Walk, node: Node, current: Type, dotted: bool) -> Type:
    left, right, condition = node["children"]
    element = _elements(walk, left, current, dotted)
    walk.infer(condition, element)
    return Many(element=walk.infer(right, element, dotted=True))


def _value_projection(walk: Walk, node: Node, current: Type, dotted: bool) -> Type:
    left, right = node["children"]
    value = walk.infer(left, current, dotted=dotted)
    element = value.element if isinstance(value, Table) else ANYTHING
    return Many(element=walk.infer(right, element, dotted=True))


def _pipe(walk: Walk, node: Node, current: Type, dotted: bool) -> Type:
    left, right = node["children"]
    return walk.infer(right, walk.infer(left, current, dotted=dotted))


def _or(walk: Walk, node: Node, current: Type, dotted: bool) -> Type:
    left, right = (walk.infer(child, current, dotted=False) for child in node["children"])
    return one_of(left, right)


def _and(walk: Walk, node: Node, current: Type, dotted: bool) -> Type:
    left, right = (walk.infer(child, current, dotted=False) for child in node["children"])
    return one_of(left, right)


def _not(walk: Walk, node: Node, current: Type, dotted: bool) -> Type:
    walk.infer(node["children"][0], current)
    return BOOLEAN


def _literal(walk: Walk, node: Node, current: Type, dotted: bool) -> Type:
    return of_value(node["value"])


def _current(walk: Walk, node: Node, current: Type, dotted: bool) -> Type:
    return current


def _list_of(walk: Walk, node: Node, current: Type, dotted: bool) -> Type:
    types = [walk.infer(child, current) for child in node["children"]]
    element = types[0]
    for other in types[1:]:
        element = one_of(element, other)
    return Many(element=element)


def _dict_of(walk: Walk, node: Node, current: Type, dotted: bool) -> Type:
    members = {pair["value"]: walk.infer(pair["children"][0], current) for pair in node["children"]}
    return Record(name="the map", members=members)


def _call(walk: Walk, node: Node, current: Type, dotted: bool) -> Type:
    name, children = str(node["value"]), node["children"]
    function = FUNCTIONS.get(name)
    arguments = _arguments(walk, children, current)
    if function is None:
        fix = aws.suggest(name, list(FUNCTIONS))
        return walk.tell("unknown-function", f"there is no function {name}()", fix, name)
    arity = function.arity
    if not arity.allows(len(children)):
        walk.tell("arity", f"{name}() takes {arity}, not {len(children)}", f"call it with {arity}", name)
    return _yields(function, arguments)


def _yields(function: Function, arguments: Sequence[Type]) -> Type:
    """Return the type of a call from the types of its arguments."""
    first = arguments[0] if arguments else ANYTHING
    match function.type:
        case "first":
            return first
        case "element":
            return first.element if isinstance(first, Many) else ANYTHING
        case "listed":
            return first if isinstance(first, Many) else Many(element=first)
        case "either":
            return first if len(set(map(id, arguments))) == 1 else ANYTHING
        case known:
            return _TYPES[known]


def _arguments(walk: Walk, children: Sequence[Node], current: Type) -> list[Type]:
    """Return the arguments' types, an expression reference (`&x`) read from the elements of the list beside it."""
    types = [ANYTHING if child["type"] == "expref" else walk.infer(child, current) for child in children]
    lists = [value for value in types if isinstance(value, Many)]
    for child in children:
        if child["type"] == "expref":
            walk.infer(child["children"][0], lists[0].element if lists else ANYTHING)
    return types


def _comparator(walk: Walk, node: Node, current: Type, dotted: bool) -> Type:
    left, right = (walk.infer(child, current) for child in node["children"])
    if node["children"][0]["type"] == "not_expression" and right != BOOLEAN and not isinstance(right, Anything):
        _not_binds_tighter(walk, "!a == b", "(!a) == b", "a != b")
    elif isinstance(left, Plain) and isinstance(right, Plain):
        _compare(walk, str(node["value"]), (left, right), node["children"])
    return BOOLEAN


def _compare(walk: Walk, operator: str, types: tuple[Plain, Plain], sides: Sequence[Node]) -> None:
    left, right = types
    literal = next((str(side["value"]) for side in sides if side["type"] == "literal"), "")
    if _as_text(left) != _as_text(right):
        walk.tell("compared-types", _mismatch(left, right), _as_number_or_age(types), literal)
    elif operator in ("eq", "ne") and literal and (left.choices or right.choices):
        choices = left.choices or right.choices
        if literal not in choices:
            message = f"{literal!r} is not among the values that AWS documents for it"
            walk.tell("unknown-value", message, aws.suggest(literal, choices), literal, certain=False)


def _as_text(value: Plain) -> str:
    """The runtime reads times and bytes as strings."""
    return "string" if value.name in ("timestamp", "blob") else value.name


def _mismatch(left: Plain, right: Plain) -> str:
    return f"{described(left)} is compared with {described(right)}, which is never equal"


def _as_number_or_age(types: Sequence[Plain]) -> str:
    names = {value.name for value in types}
    if "timestamp" in names:
        return "compare age_days(…) or days_until(…) with a number"
    if "string" in names and "boolean" in names:
        return "write `true` or `false` in back-ticks, without quotes"
    return "write numbers in back-ticks without quotes, and turn strings into numbers with to_number()"


_TYPES: Mapping[str, Type] = {
    "any": ANYTHING,
    "boolean": BOOLEAN,
    "count": NUMBER,
    "list": Many(element=ANYTHING),
    "number": NUMBER,
    "string": STRING,
    "texts": Many(element=STRING),
}
_VISITS: Mapping[str, Callable[[Walk, Node, Type, bool], Type]] = {
    "and_expression": _and,
    "comparator": _comparator,
    "current": _current,
    "field": _field,
    "filter_projection": _filter_projection,
    "flatten": _flatten,
    "function_expression": _call,
    "identity": _current,
    "index_expression": _index_expression,
    "literal": _literal,
    "multi_select_dict": _dict_of,
    "multi_select_list": _list_of,
    "not_expression": _not,
    "or_expression": _or,
    "pipe": _pipe,
    "projection": _projection,
    "subexpression": _subexpression,
    "value_projection": _value_projection,
}
