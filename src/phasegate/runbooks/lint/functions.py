"""The functions of the language: how many arguments each takes, and what it yields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jmespath.functions import Functions

from phasegate.runbooks.lint.types import ANYTHING, BOOLEAN, NUMBER, STRING, Many, Type


@dataclass(frozen=True, kw_only=True)
class Arity:
    """How many arguments a function takes."""

    least: int
    most: int | None
    """None where there is no limit."""

    def __str__(self) -> str:
        """For a message: `2 arguments`, `1 or 2 arguments`, `at least 1 argument`."""
        if self.most is None:
            return f"at least {_counted(self.least)}"
        return _counted(self.most) if self.least == self.most else f"{self.least} or {_counted(self.most)}"

    def allows(self, count: int) -> bool:
        """Whether a call may have that many arguments."""
        return self.least <= count and (self.most is None or count <= self.most)


def _counted(count: int) -> str:
    return f"{count} argument{'' if count == 1 else 's'}"


def _arity(signature: Sequence[Mapping[str, object]]) -> Arity:
    variadic = any(argument.get("variadic") for argument in signature)
    return Arity(least=len(signature), most=None if variadic else len(signature))


_BUILT_IN = {name: _arity(entry["signature"]) for name, entry in Functions.FUNCTION_TABLE.items()}

_OURS: Mapping[str, Arity] = {
    name: Arity(least=least, most=most)
    for name, least, most in (
        ("add", 2, None),
        ("age_days", 1, 1),
        ("as_list", 1, 1),
        ("capture", 2, 3),
        ("days_until", 1, 1),
        ("div", 2, None),
        ("foreign_principals", 1, 2),
        ("glob", 2, 2),
        ("in_cidr", 2, 2),
        ("lower", 1, 1),
        ("matches", 2, 2),
        ("minus", 2, 2),
        ("month", 1, 1),
        ("mul", 2, None),
        ("none_in", 2, 2),
        ("off_now", 2, 3),
        ("opens_port", 2, 2),
        ("parse_csv", 1, 1),
        ("parse_json", 1, 1),
        ("round", 1, 2),
        ("split", 2, 2),
        ("sub", 2, None),
        ("tag", 2, 2),
        ("within", 2, 2),
        ("zip", 2, None),
    )
}

FUNCTIONS: Mapping[str, Arity] = {**_BUILT_IN, **_OURS}
"""Every function that an expression may call."""

_YIELDS: Mapping[str, Type] = {
    **dict.fromkeys(("abs", "avg", "ceil", "floor", "length", "sum", "to_number"), NUMBER),
    **dict.fromkeys(("age_days", "days_until", "add", "sub", "mul", "div", "round"), NUMBER),
    **dict.fromkeys(("join", "to_string", "type", "tag", "capture", "lower", "month"), STRING),
    **dict.fromkeys(("contains", "ends_with", "starts_with", "matches", "glob", "within", "none_in"), BOOLEAN),
    **dict.fromkeys(("opens_port", "in_cidr", "off_now"), BOOLEAN),
    **dict.fromkeys(("keys", "split"), Many(element=STRING)),
    **dict.fromkeys(("map", "values", "zip", "parse_csv", "foreign_principals"), Many(element=ANYTHING)),
}
_SAME_AS_FIRST = frozenset({"reverse", "sort", "sort_by", "minus"})
_ELEMENT_OF_FIRST = frozenset({"max", "min", "max_by", "min_by"})


def yields(name: str, arguments: Sequence[Type]) -> Type:
    """What a call of a function gives, from the types of its arguments."""
    first = arguments[0] if arguments else ANYTHING
    if name in _SAME_AS_FIRST:
        return first
    if name in _ELEMENT_OF_FIRST:
        return first.element if isinstance(first, Many) else ANYTHING
    if name in ("as_list", "to_array"):
        return first if isinstance(first, Many) else Many(element=first)
    if name == "not_null":
        return first if len(set(map(id, arguments))) == 1 else ANYTHING
    return _YIELDS.get(name, ANYTHING)
