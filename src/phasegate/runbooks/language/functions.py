"""The function table of the runbook language, shared by grammar, lint, code generator, test generator and documents."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from jmespath.functions import Functions

ValueType = Literal[
    "any", "boolean", "count", "element", "either", "first", "list", "listed", "number", "string", "texts",
]  # fmt: skip
"""`count` is a number that is never missing. `first`, `element`, `listed` and `either` depend on the arguments."""
Samples = Literal[
    "", "age", "among", "capture", "contained", "count", "csv", "element", "first", "glob", "joined", "json", "network",
    "number", "off_hours", "pattern", "port", "prefix", "principals", "same", "split", "suffix", "tag", "until",
]  # fmt: skip
"""Strategy by which the test generator finds arguments, or empty where the arguments' usual values do."""


class Arity(NamedTuple):
    """Least and greatest number of arguments, without a greatest for variadic functions."""

    least: int
    most: int | None

    def __str__(self) -> str:
        """Return the arity for a message: `2 arguments`, `1 or 2 arguments`, `at least 1 argument`."""
        if self.most is None:
            return f"at least {_counted(self.least)}"
        return _counted(self.most) if self.least == self.most else f"{self.least} or {_counted(self.most)}"

    def allows(self, count: int) -> bool:
        """Return whether a call may have `count` arguments."""
        return self.least <= count and (self.most is None or count <= self.most)


def _counted(count: int) -> str:
    return f"{count} argument{'' if count == 1 else 's'}"


@dataclass(frozen=True)
class Function:
    """Function that an expression may call."""

    name: str
    arity: Arity
    type: ValueType
    samples: Samples = ""
    words: tuple[str, str] | None = None
    """The verb between two arguments in documents, and its negation."""
    python: str = ""
    """The runtime's function that generated code calls; empty: the call stays a compiled expression."""
    bound: bool = False
    """True for functions that know the time or the account: generated code calls a method of the scan."""


def _own(
    name: str,
    least: int,
    most: int | None,
    type_: ValueType,
    samples: Samples = "",
    words: tuple[str, str] | None = None,
    *,
    python: str = "",
    bound: bool = False,
) -> Function:
    return Function(name, Arity(least, most), type_, samples, words, python or name, bound)


def _built_in(
    name: str, type_: ValueType, samples: Samples = "", words: tuple[str, str] | None = None, *, python: bool = False
) -> Function:
    # Read from jmespath itself, so that our arity cannot differ from the one that it holds calls to.
    signature = Functions.FUNCTION_TABLE[name]["signature"]
    most = None if any(argument.get("variadic") for argument in signature) else len(signature)
    return Function(name, Arity(len(signature), most), type_, samples, words, name if python else "")


_TABLE = (
    _own("add", 2, None, "number"),
    _own("age_days", 1, 1, "number", "age", bound=True),
    _own("as_list", 1, 1, "listed", "same"),
    _own("capture", 2, 3, "string", "capture"),
    _own("days_until", 1, 1, "number", "until", bound=True),
    _own("div", 2, None, "number"),
    _own("foreign_principals", 1, 2, "list", "principals", bound=True),
    _own("glob", 2, 2, "boolean", "glob", ("looks like", "does not look like")),
    _own("in_cidr", 2, 2, "boolean", "network", ("lies in", "lies outside")),
    _own("in_days", 1, 2, "string", bound=True),
    _own("lower", 1, 1, "string", "same"),
    _own("matches", 2, 2, "boolean", "pattern", ("matches", "does not match")),
    _own("minus", 2, 2, "first", "contained"),
    _own("month", 1, 1, "string", bound=True),
    _own("mul", 2, None, "number"),
    _own("none_in", 2, 2, "boolean", "contained", ("has nothing in common with", "has something in common with")),
    _own("off_now", 2, 3, "boolean", "off_hours", bound=True),
    _own("opens_port", 2, 2, "boolean", "port", ("opens port", "does not open port")),
    _own("parse_csv", 1, 1, "list", "csv"),
    _own("parse_json", 1, 1, "any", "json"),
    _own("round", 1, 2, "number", python="round_to"),
    _own("split", 2, 2, "texts", "split"),
    _own("sub", 2, None, "number"),
    _own("tag", 2, 2, "string", "tag"),
    _own("within", 2, 2, "boolean", "among", ("is among", "is not among")),
    _own("zip", 2, None, "list", python="zip_lists"),
    _built_in("abs", "number"),
    _built_in("avg", "number", "element"),
    _built_in("ceil", "number"),
    _built_in("contains", "boolean", "contained", ("contains", "does not contain"), python=True),
    _built_in("ends_with", "boolean", "suffix", ("ends with", "does not end with"), python=True),
    _built_in("floor", "number"),
    _built_in("join", "string", "joined", python=True),
    _built_in("keys", "texts"),
    _built_in("length", "count", "count", python=True),
    _built_in("map", "list"),
    _built_in("max", "element", "element"),
    _built_in("max_by", "element"),
    _built_in("merge", "any"),
    _built_in("min", "element", "element"),
    _built_in("min_by", "element"),
    _built_in("not_null", "either", "first", python=True),
    _built_in("reverse", "first", "same"),
    _built_in("sort", "first", "same"),
    _built_in("sort_by", "first"),
    _built_in("starts_with", "boolean", "prefix", ("starts with", "does not start with"), python=True),
    _built_in("sum", "number", "element"),
    _built_in("to_array", "listed"),
    _built_in("to_number", "number", "number"),
    _built_in("to_string", "string"),
    _built_in("type", "string"),
    _built_in("values", "list"),
)
FUNCTIONS: Mapping[str, Function] = {function.name: function for function in _TABLE}
"""Every function that an expression may call, by its name."""
