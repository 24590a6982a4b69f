"""The part of JQL and CQL that clients use: comparisons, AND, OR, NOT, brackets and ORDER BY."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
Values = Callable[[T, str], list[str] | None]
"""What a thing has in a field, by the field's name in small letters; None when there is no such field."""

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\\n\r]|\\["\\])*"|'(?:[^'\\\n\r]|\\['\\])*')|(?P<mark>!=|!~|<=|>=|[=~<>(),])|(?P<word>[^\s"'=~<>!(),\\]+))"""
)


class QueryError(ValueError):
    """The query does not parse, or names a field that is not there."""


@dataclass(frozen=True)
class _Token:
    kind: str
    value: str

    def says(self, *words: str) -> bool:
        return self.kind != "text" and self.value.lower() in words


def select(query: str, things: Iterable[T], values: Values[T]) -> list[T]:
    """The things that a query finds, in its order."""
    parser = _Parser(_tokens(query), values)
    holds = parser.whole()
    found = [thing for thing in things if holds(thing)]
    for name, descending in reversed(parser.order):
        found.sort(key=lambda thing, name=name: _known(values, thing, name), reverse=descending)  # type: ignore[misc]
    return found


def _known(values: Values[T], thing: T, name: str) -> list[str]:
    got = values(thing, name.lower())
    if got is None:
        raise QueryError(f"Field '{name}' does not exist or you do not have permission to view it.")
    return got


def _tokens(query: str) -> list[_Token]:
    tokens, at = [], 0
    while query[at:].strip():
        match = _TOKEN.match(query, at)
        if match is None:
            raise QueryError(f"Error in the query at character {at}.")
        kind = str(match.lastgroup)
        value = match.group(kind)
        tokens.append(_Token(kind, re.sub(r"\\(.)", r"\1", value[1:-1]) if kind == "text" else value))
        at = match.end()
    return tokens


class _Parser(Generic[T]):
    def __init__(self, tokens: list[_Token], values: Values[T]) -> None:
        self._tokens, self._at, self._values = tokens, 0, values
        self.order: list[tuple[str, bool]] = []

    def whole(self) -> Callable[[T], bool]:
        holds: Callable[[T], bool] = lambda _: True  # noqa: E731
        if self._tokens and not self._tokens[0].says("order"):
            holds = self._any()
        if self._next("order"):
            self._expect("by")
            self._ordering()
        if self._at < len(self._tokens):
            raise QueryError(f"Error in the query: '{self._tokens[self._at].value}' was not expected.")
        return holds

    def _ordering(self) -> None:
        while True:
            name = self._value()
            descending = self._next("desc")
            if not descending:
                self._next("asc")
            self.order.append((name, descending))
            if not self._next(","):
                return

    def _any(self) -> Callable[[T], bool]:
        parts = [self._all()]
        while self._next("or"):
            parts.append(self._all())
        return lambda thing: any(part(thing) for part in parts)

    def _all(self) -> Callable[[T], bool]:
        parts = [self._one()]
        while self._next("and"):
            parts.append(self._one())
        return lambda thing: all(part(thing) for part in parts)

    def _one(self) -> Callable[[T], bool]:
        if self._next("not"):
            inner = self._one()
            return lambda thing: not inner(thing)
        if self._next("("):
            inside = self._any()
            self._expect(")")
            return inside
        return self._comparison()

    def _comparison(self) -> Callable[[T], bool]:
        name = self._value()
        operator = self._operator()
        if operator in ("is", "is not"):
            self._expect("empty", "null")
            return lambda thing: bool(_known(self._values, thing, name)) == (operator == "is not")
        wanted = self._list() if operator in ("in", "not in") else [self._value()]
        return lambda thing: _compares(operator, _known(self._values, thing, name), wanted)

    def _operator(self) -> str:
        if self._next("not"):
            self._expect("in")
            return "not in"
        if self._next("is"):
            return "is not" if self._next("not") else "is"
        token = self._take()
        if token.kind == "mark" or token.says("in"):
            return token.value.lower()
        raise QueryError(f"Error in the query: expecting an operator before '{token.value}'.")

    def _list(self) -> list[str]:
        self._expect("(")
        wanted = [self._value()]
        while self._next(","):
            wanted.append(self._value())
        self._expect(")")
        return wanted

    def _value(self) -> str:
        token = self._take()
        if token.kind == "mark":
            raise QueryError(f"Error in the query: '{token.value}' was not expected.")
        return token.value

    def _take(self) -> _Token:
        if self._at >= len(self._tokens):
            raise QueryError("Error in the query: it ends too early.")
        self._at += 1
        return self._tokens[self._at - 1]

    def _next(self, *words: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at].says(*words):
            self._at += 1
            return True
        return False

    def _expect(self, *words: str) -> None:
        if not self._next(*words):
            raise QueryError(f"Error in the query: expecting '{words[0]}'.")


def _compares(operator: str, have: list[str], wanted: list[str]) -> bool:
    lowered = [value.lower() for value in have]
    want = [value.lower() for value in wanted]
    if operator in ("=", "in"):
        return any(value in want for value in lowered)
    if operator in ("!=", "not in"):
        return not any(value in want for value in lowered)
    if operator in ("~", "!~"):
        words = re.findall(r"\w+", want[0])
        return all(any(word in value for value in lowered) for word in words) == (operator == "~")
    ordered: dict[str, Callable[[str], bool]] = {
        "<": lambda value: value < want[0],
        "<=": lambda value: value <= want[0],
        ">": lambda value: value > want[0],
        ">=": lambda value: value >= want[0],
    }
    return any(ordered[operator](value) for value in lowered)
