"""JMESPath as Python: what has a clear counterpart is written out, the rest stays a compiled expression.

Written out are paths, comparisons, literals, "and", "or" and "not", and calls of our functions and of the simplest of
JMESPath's. Projections, filters, pipes and whatever else would need a loop become constants.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from phasegate.runbooks.compiler.codegen.module_source import ModuleSource, snake
from phasegate.runbooks.language.expressions import Node, fields, parse, unparse, walk
from phasegate.runbooks.language.functions import FUNCTIONS

# How much an operator binds in Python, from the loosest.
_OR, _AND, _NOT, _COMPARE, _ATOM = range(5)
_ORDER = {"gt": ("above", ">"), "gte": ("at_least", ">="), "lt": ("below", "<"), "lte": ("at_most", "<=")}


class Code(NamedTuple):
    """A piece of Python."""

    text: str
    kind: str = "any"
    """`bool`, `number`, or `any`."""
    binds: int = _ATOM

    def within(self, binds: int) -> str:
        """Return the code as an operand of an operator that binds this much."""
        return self.text if self.binds >= binds else f"({self.text})"


class _Loop(Exception):
    """The node has no counterpart without a loop."""


@dataclass(frozen=True, kw_only=True)
class Translator:
    """Writes expressions about one variable."""

    draft: ModuleSource
    subject: str
    """The variable that holds the row."""
    scan: str = "scan"
    """The variable that holds the scan."""
    sure: bool = True
    """True if the subject is certainly a map, and False if it may be None or a list."""
    needed: bool = False
    """True if a parameter that yields null must not be left out."""
    bound: Mapping[str, str] = field(default_factory=dict)
    """Names that stand for variables instead of keys of the row."""

    def condition(self, text: str) -> str:
        """Python that is True where the expression is true to JMESPath, and False otherwise."""
        return self._truth(parse(text)).text

    def value(self, text: str) -> str:
        """Python that gives the expression's value."""
        return self._value(parse(text)).text

    def params_of(self, params: Mapping[str, Any]) -> str:
        """Keyword arguments, with a comma before each."""
        return "".join(f", {name}={self.literal(value)}" for name, value in params.items())

    def asked_in(self, region: str | None) -> str:
        """Return the code of the scan that asks in a region, its own where none is given."""
        return self.scan if region is None else f"{self.scan}.at({self.literal(region)})"

    def literal(self, value: Any) -> str:
        """Return the code of a parameter's value, in which a text that starts with `=` is an expression."""
        if isinstance(value, str):
            if not value.startswith("="):
                return repr(value)
            return f"known({self.value(value[1:])})" if self.needed else self.value(value[1:])
        if isinstance(value, Mapping):
            return "{" + ", ".join(f"{key!r}: {self.literal(entry)}" for key, entry in value.items()) + "}"
        if isinstance(value, Sequence):
            return "[" + ", ".join(self.literal(entry) for entry in value) + "]"
        return repr(value)

    def _truth(self, node: Node) -> Code:
        kind = node["type"]
        if kind == "or_expression":
            return self._joined(node, "or", _OR)
        if kind == "and_expression":
            return self._joined(node, "and", _AND)
        if kind == "not_expression":
            return self._denied(self._truth(node["children"][0]))
        if kind == "comparator":
            return self._compared(node)
        code = self._value(node)
        return code if code.kind == "bool" else Code(f"truth({code.text})", "bool")

    def _joined(self, node: Node, word: str, binds: int) -> Code:
        sides = (self._truth(child).within(binds) for child in node["children"])
        return Code(f" {word} ".join(sides), "bool", binds)

    def _denied(self, code: Code) -> Code:
        for sign, opposite in ((" is None", " is not None"), (" is not None", " is None")):
            if code.binds == _COMPARE and code.text.endswith(sign):
                return Code(code.text.removesuffix(sign) + opposite, "bool", _COMPARE)
        return Code(f"not {code.within(_NOT)}", "bool", _NOT)

    def _compared(self, node: Node) -> Code:
        left, right = node["children"]
        if node["value"] in _ORDER:
            return self._ordered(node["value"], self._value(left), self._value(right))
        return self._equality(left, right, same=node["value"] == "eq")

    def _ordered(self, comparator: str, left: Code, right: Code) -> Code:
        name, sign = _ORDER[comparator]
        # Plain operators raise on None, and on text beside a number, so they need two sure numbers.
        if left.kind == right.kind == "number":
            return Code(f"{left.text} {sign} {right.text}", "bool", _COMPARE)
        return Code(f"{name}({left.text}, {right.text})", "bool")

    def _equality(self, left: Node, right: Node, *, same: bool) -> Code:
        if _constant_value(left) is not _Loop:
            left, right = right, left
        told = self._value(left)
        # two constants have no plain comparison: Python warns of `'a' is None`
        value = _constant_value(right) if _constant_value(left) is _Loop else _Loop
        if value is None or isinstance(value, bool):
            return Code(f"{told.within(_ATOM)} {'is' if same else 'is not'} {value}", "bool", _COMPARE)
        # Python's `0 == False` is true and JMESPath's is not, so 0 and 1 go through the runtime.
        if isinstance(value, str) or (isinstance(value, (int, float)) and value not in (0, 1)):
            return Code(f"{told.within(_ATOM)} {'==' if same else '!='} {value!r}", "bool", _COMPARE)
        code = Code(f"equal({told.text}, {self._value(right).text})", "bool")
        return code if same else self._denied(code)

    def _value(self, node: Node) -> Code:
        try:
            return self._written(node)
        except _Loop:
            return self._constant(node)

    def _written(self, node: Node) -> Code:
        match node["type"]:
            case "literal":
                return _literal(node["value"])
            case "current":
                return Code(self.subject)
            case "field" | "subexpression":
                return self._path(node)
            case "function_expression":
                return self._call(node)
            case "multi_select_list" if self.sure:
                return Code("[" + ", ".join(self._value(child).text for child in node["children"]) + "]")
            case "not_expression":
                return self._truth(node)
            case "comparator" if node["value"] in ("eq", "ne"):
                return self._compared(node)
        raise _Loop

    def _path(self, node: Node) -> Code:
        names = _names(node)
        if names == ["null"]:  # a key that no answer of AWS has: how people write null
            return Code("None")
        root = self._root(names)
        if root is not None:
            return root
        if self.sure and len(names) == 1:
            return Code(f"{self.subject}.get({names[0]!r})")
        return Code(f"field({', '.join([self.subject, *map(repr, names)])})")

    def _root(self, names: Sequence[str]) -> Code | None:
        """A path that starts at a variable instead of the row."""
        first, *rest = names
        if first == "_params" and rest:
            return Code(_beneath(self._param(rest[0]), rest[1:]))
        known = {
            "_account": f"{self.scan}.account",
            "_region": f"{self.scan}.region",
            "_now": f"{self.scan}.now.isoformat()",
            "_params": f"dict({self.scan}.params)",
            "_items": f"{self.scan}.items",
            **self.bound,
        }
        return Code(_beneath(known[first], rest)) if first in known else None

    def _param(self, name: str) -> str:
        return f"{self.scan}.params[{name!r}]" if name in self.draft.params else f"{self.scan}.params.get({name!r})"

    def _call(self, node: Node) -> Code:
        function = FUNCTIONS[node["value"]]
        if not function.python:
            raise _Loop
        written = f"{self.scan}.{function.name}" if function.bound else function.python
        kind = {"boolean": "bool", "count": "number"}.get(function.type, "any")
        return Code(f"{written}({', '.join(self._value(child).text for child in node['children'])})", kind)

    def _constant(self, node: Node) -> Code:
        named = self.draft.constant(constant_name(node), f"expression({unparse(node)!r})")
        used = fields(node)
        names = "".join(f", {name}={variable}" for name, variable in self.bound.items() if name in used)
        return Code(f"{named}({self.scan}, {self.subject}{names})")


def _constant_value(node: Node) -> Any:
    """Return the value of a literal or of a bare `null`, or `_Loop` for any other node."""
    if node["type"] == "field" and node["value"] == "null":
        return None
    return node["value"] if node["type"] == "literal" else _Loop


def _names(node: Node) -> list[str]:
    """The keys of a plain path."""
    if node["type"] == "field":
        return [str(node["value"])]
    if node["type"] != "subexpression":
        raise _Loop
    first, *rest = node["children"]
    if any(part["type"] != "field" for part in rest):
        raise _Loop
    return [*_names(first), *(str(part["value"]) for part in rest)]


def _beneath(root: str, names: Sequence[str]) -> str:
    return f"field({', '.join([root, *map(repr, names)])})" if names else root


def _literal(value: Any) -> Code:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return Code(repr(value), "number" if number else "any")


def constant_name(node: Node) -> str:
    """A name from the first keys that the expression names, so that the constant says what it is about."""
    names = [snake(str(part["value"])) for part in walk(node) if part["type"] == "field" and part["value"] != "_"]
    words = "_".join(dict.fromkeys(names[:3])).upper().strip("_")
    return words if words.isidentifier() and len(words) > 1 else "EXPRESSION"
