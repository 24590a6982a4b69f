"""Walks an expression's tree with the types of what it reads, and names what cannot be there.

A field that the item does not have is null in JMESPath: no error, and no finding ever. So each is looked up here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from phasegate.runbooks.language import aws
from phasegate.runbooks.language.expressions import Node, Visitor, unparse
from phasegate.runbooks.language.functions import FUNCTIONS, Function
from phasegate.runbooks.language.lint.arguments import wrong_argument
from phasegate.runbooks.language.lint.types import (
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
class Walk(Visitor):
    """Type inference over one expression."""

    outer: Type
    """Type that the expression starts from."""
    problems: list[Problem] = field(default_factory=list)

    def infer(self, node: Node, current: Type, *, dotted: bool = False) -> Type:
        """The type that the node yields when it is read from `current`.

        `dotted` says that the node stands behind a dot or brackets, as `b` in `a.b`: what it lacks is then simply
        unknown, and not out of reach.
        """
        found: Type = self.visit(node, current, dotted)
        return found

    def _other(self, node: Node, *context: Any) -> Type:
        return ANYTHING

    def tell(self, rule: str, message: str, fix: str, about: str = "", *, certain: bool = True) -> Type:
        """Record a problem, and return the unknown type."""
        problem = Problem(rule=rule, message=message, fix=fix, about=about, certain=certain)
        # Some parts of a tree are walked twice, such as what stands behind a `!`; a problem is told once.
        if problem not in self.problems:
            self.problems.append(problem)
        return ANYTHING

    def _field(self, node: Node, current: Type, dotted: bool) -> Type:
        name = str(node["value"])
        match current:
            case Record():
                found = current.field(name)
                return self._absent(name, current, dotted) if found is None else found
            case Table():
                return current.element
            case Many() if name != "null":
                return self._within_list(name, current, dotted)
            case Plain() if name != "null":
                return self._within_plain(name, current, dotted)
            case _:
                return ANYTHING

    def _absent(self, name: str, current: Record, dotted: bool) -> Type:
        if name == "null" and not dotted:
            return ANYTHING
        # JMESPath takes the bare word for a field, so the comparison is silently null.
        if name in ("true", "false") and not dotted:
            return self.tell(
                "bare-literal",
                f"{name!r} without back-ticks is read as a field of that name, which is null",
                f"write `{name}` in back-ticks",
                name,
            )
        # The usual slip in a filter: JMESPath has no way to name the outer item from inside the brackets.
        if not dotted and current is not self.outer and _has(self.outer, name):
            return self._out_of_reach(name, current.name)
        if current.name == "_params":
            return self.tell(
                "unknown-param",
                f"scope.params has no {name!r}",
                f"add it under scope.params, or: {aws.suggest(name, list(current.members))}",
                name,
            )
        fix = aws.suggest(name, list(current.members))
        if not dotted and current is self.outer:
            fix += f" A string is written in single quotes: '{name}'."
        return self.tell("unknown-field", f"{current.name} has no field {name!r}", fix, name)

    def _within_list(self, name: str, current: Many, dotted: bool) -> Type:
        if not dotted and _has(self.outer, name) and current is not self.outer:
            return self._out_of_reach(name, "a list")
        return self.tell(
            "field-of-list",
            f"{name!r} is read from a list, which is always null",
            f"write [].{name} for the value of each, or [0].{name} for the first",
            name,
        )

    def _within_plain(self, name: str, current: Plain, dotted: bool) -> Type:
        if name in ("true", "false") and not dotted:
            return self._absent(name, Record(name=current.name, members={}), dotted)
        if not dotted and _has(self.outer, name):
            return self._out_of_reach(name, described(current))
        return self.tell(
            "unknown-field",
            f"{name!r} is read from {described(current)}, which has no fields",
            "leave it out, or read it from the value that holds it",
            name,
        )

    def _out_of_reach(self, name: str, inner: str) -> Type:
        return self.tell(
            "out-of-reach",
            f"{name!r} is of the outer item, out of reach inside the brackets: there, names are those of {inner}",
            f"take the values out first and compare outside, as in contains(list[].Key, {name}), or join with `with`",
            name,
        )

    def _subexpression(self, node: Node, current: Type, dotted: bool) -> Type:
        first, *rest = node["children"]
        if first["type"] == "not_expression":
            self._not_binds_tighter("!a.b", "(!a).b", "!(a.b)")
            self.infer(first, current)
            return ANYTHING
        value = self.infer(first, current, dotted=dotted)
        for child in rest:
            value = self.infer(child, value, dotted=True)
        return value

    def _not_binds_tighter(self, written: str, read: str, meant: str) -> None:
        self.tell(
            "not-binds-tighter",
            f"`{written}` is read as `{read}`: `!` applies to the first name alone, and the rest is null",
            f"write `{meant}`",
            "!",
        )

    def _index_expression(self, node: Node, current: Type, dotted: bool) -> Type:
        first, *places = node["children"]
        value = self.infer(first, current, dotted=dotted)
        for place in places:
            value = self._indexed(place, value)
        return value

    def _indexed(self, place: Node, value: Type) -> Type:
        if isinstance(value, Record | Plain | Table):
            return self.tell(
                "not-a-list",
                f"[{place.get('value', ':')}] is taken of {described(value)}, which is always null",
                "leave the brackets out",
                "[",
            )
        if place["type"] == "slice":
            return value
        return value.element if isinstance(value, Many) else ANYTHING

    def _elements(self, node: Node, current: Type, dotted: bool) -> Type:
        """The type of the elements that brackets go over."""
        if node["type"] == "not_expression":
            self._not_binds_tighter("!x[…]", "(!x)[…]", "!(x[…])")
            self.infer(node, current)
            return ANYTHING
        value = self.infer(node, current, dotted=dotted)
        if isinstance(value, Record | Plain | Table):
            return self.tell(
                "not-a-list",
                f"brackets go over {described(value)}, which gives null",
                "leave the brackets out, or wrap it in as_list()",
                "[",
            )
        return value.element if isinstance(value, Many) else ANYTHING

    def _projection(self, node: Node, current: Type, dotted: bool) -> Type:
        left, right = node["children"]
        whole = left["type"] == "flatten" and left["children"][0]["type"] == "identity"
        if whole and right["type"] != "identity" and isinstance(current, Record | Plain | Table):
            return self.tell(
                "not-a-list",
                f"[] goes over {described(current)} as if it were a list, which gives null",
                f"write {unparse(right)}, which is read from the row itself",
                "[]",
            )
        return Many(element=self.infer(right, self._elements(left, current, dotted), dotted=True))

    def _flatten(self, node: Node, current: Type, dotted: bool) -> Type:
        if node["children"][0]["type"] == "identity" and isinstance(current, Record | Plain | Table):
            return self.tell(
                "not-a-list",
                f"[] by itself flattens {described(current)}, which gives null",
                "write an empty list in backquotes: `[]`",
                "[]",
            )
        element = self._elements(node["children"][0], current, dotted)
        return element if isinstance(element, Many) else Many(element=element)

    def _filter_projection(self, node: Node, current: Type, dotted: bool) -> Type:
        left, right, condition = node["children"]
        element = self._elements(left, current, dotted)
        self.infer(condition, element)
        return Many(element=self.infer(right, element, dotted=True))

    def _value_projection(self, node: Node, current: Type, dotted: bool) -> Type:
        left, right = node["children"]
        value = self.infer(left, current, dotted=dotted)
        element = value.element if isinstance(value, Table) else ANYTHING
        return Many(element=self.infer(right, element, dotted=True))

    def _pipe(self, node: Node, current: Type, dotted: bool) -> Type:
        left, right = node["children"]
        return self.infer(right, self.infer(left, current, dotted=dotted))

    def _or_expression(self, node: Node, current: Type, dotted: bool) -> Type:
        left, right = (self.infer(child, current, dotted=False) for child in node["children"])
        return one_of(left, right)

    _and_expression = _or_expression

    def _not_expression(self, node: Node, current: Type, dotted: bool) -> Type:
        self.infer(node["children"][0], current)
        return BOOLEAN

    def _literal(self, node: Node, current: Type, dotted: bool) -> Type:
        return of_value(node["value"])

    def _current(self, node: Node, current: Type, dotted: bool) -> Type:
        return current

    _identity = _current

    def _multi_select_list(self, node: Node, current: Type, dotted: bool) -> Type:
        return Many(element=reduce(one_of, (self.infer(child, current) for child in node["children"])))

    def _multi_select_dict(self, node: Node, current: Type, dotted: bool) -> Type:
        members = {pair["value"]: self.infer(pair["children"][0], current) for pair in node["children"]}
        return Record(name="the map", members=members)

    def _function_expression(self, node: Node, current: Type, dotted: bool) -> Type:
        name, children = str(node["value"]), node["children"]
        function = FUNCTIONS.get(name)
        arguments = self._arguments(children, current)
        if function is None:
            fix = aws.suggest(name, list(FUNCTIONS))
            return self.tell("unknown-function", f"there is no function {name}()", fix, name)
        arity = function.arity
        if not arity.allows(len(children)):
            self.tell("arity", f"{name}() takes {arity}, not {len(children)}", f"call it with {arity}", name)
        wrong = wrong_argument(name, arguments)
        if wrong:
            self.tell("argument-type", wrong, "take the value that is meant out of it, or call another function", name)
        return _yields(function, arguments)

    def _arguments(self, children: Sequence[Node], current: Type) -> list[Type]:
        """Return the arguments' types, an expression reference (`&x`) read from the elements of the list beside it."""
        types = [ANYTHING if child["type"] == "expref" else self.infer(child, current) for child in children]
        lists = [value for value in types if isinstance(value, Many)]
        for child in children:
            if child["type"] == "expref":
                self.infer(child["children"][0], lists[0].element if lists else ANYTHING)
        return types

    def _comparator(self, node: Node, current: Type, dotted: bool) -> Type:
        left, right = (self.infer(child, current) for child in node["children"])
        if node["children"][0]["type"] == "not_expression" and right != BOOLEAN and not isinstance(right, Anything):
            self._not_binds_tighter("!a == b", "(!a) == b", "a != b")
        elif isinstance(left, Plain) and isinstance(right, Plain):
            self._compare(str(node["value"]), (left, right), node["children"])
        else:
            self._compare_whole(str(node["value"]), left, right)
        return BOOLEAN

    def _compare_whole(self, operator: str, left: Type, right: Type) -> None:
        """Tell of a list or a map that is compared as a whole with something that it never equals."""
        if isinstance(left, Anything) or isinstance(right, Anything):
            return
        ordered = operator not in ("eq", "ne")
        if not ordered and isinstance(left, Many) == isinstance(right, Many) and not _one_plain(left, right):
            return
        never = "which have no order" if ordered else "which is never equal"
        whole = next(side for side in (left, right) if not isinstance(side, Plain))
        fix = "write contains(…) for a list, or length(…)" if isinstance(whole, Many) else "compare a member of the map"
        self.tell("compared-types", f"{described(left)} is compared with {described(right)}, {never}", fix)

    def _compare(self, operator: str, types: tuple[Plain, Plain], sides: Sequence[Node]) -> None:
        left, right = types
        literal = next((str(side["value"]) for side in sides if side["type"] == "literal"), "")
        if _as_text(left) != _as_text(right):
            message = f"{described(left)} is compared with {described(right)}, which is never equal"
            self.tell("compared-types", message, _as_number_or_age(types), literal)
        # Only a warning: AWS adds values before its models and their documentation do.
        elif operator in ("eq", "ne") and literal and (left.choices or right.choices):
            choices = left.choices or right.choices
            if literal not in choices:
                message = f"{literal!r} is not among the values that AWS documents for it"
                self.tell("unknown-value", message, aws.suggest(literal, choices), literal, certain=False)


def _one_plain(left: Type, right: Type) -> bool:
    return isinstance(left, Plain) != isinstance(right, Plain)


def _has(value: Type, name: str) -> bool:
    return isinstance(value, Record) and value.field(name) is not None


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


def _as_text(value: Plain) -> str:
    """The runtime reads times and bytes as strings."""
    return "string" if value.name in ("timestamp", "blob") else value.name


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
