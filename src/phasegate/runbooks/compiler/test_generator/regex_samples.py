"""Texts that match a regular expression, made from its own parse."""

import re
from collections.abc import Sequence
from importlib import import_module
from itertools import product
from typing import Any

codes: Any = import_module("re._constants")  # typeshed knows neither
parser: Any = import_module("re._parser")

_CATEGORY = {codes.CATEGORY_DIGIT: "1", codes.CATEGORY_WORD: "w", codes.CATEGORY_SPACE: " "}
_NOT_CATEGORY = {codes.CATEGORY_NOT_DIGIT: "x", codes.CATEGORY_NOT_WORD: "-", codes.CATEGORY_NOT_SPACE: "x"}


def examples(pattern: str, group: int = 0, inside: str = "") -> list[str]:
    """Return up to four texts that the pattern matches from the start, with `inside` in its group.

    >>> examples("(VPN|Bastion)")
    ['VPN', 'Bastion']
    """
    try:
        parsed = parser.parse(pattern)
    except re.error:
        return []
    found: list[str] = []
    # Four show the branches of an alternation; more would mostly repeat them.
    for choice in range(4):
        text = _write(parsed, choice, group, inside)
        matched = re.match(pattern, text, re.IGNORECASE | re.DOTALL)
        if matched and text not in found and (not group or matched.group(group) == inside):
            found.append(text)
    return found


def together(patterns: Sequence[tuple[str, int]], inside: Sequence[str]) -> list[str]:
    """Return a text that holds several captures, each in the group of its pattern, none where no such text is found.

    >>> together([(r".*\\((\\d+) ", 1), (r".* (\\d\\d:\\d\\d)", 1)], ["7", "10:30"])
    ['a(7 a 10:30']
    """
    texts = [examples(pattern, group, text) for (pattern, group), text in zip(patterns, inside, strict=True)]
    for order in product(*texts):
        text = "".join(order)
        found = [re.match(pattern, text, re.IGNORECASE | re.DOTALL) for pattern, _ in patterns]
        if all(m and m.group(g) == i for m, (_, g), i in zip(found, patterns, inside, strict=True)):
            return [text]
    return []


def _write(parsed: Any, choice: int, group: int, inside: str) -> str:
    return "".join(_one(code, argument, choice, group, inside) for code, argument in parsed)


def _one(code: Any, argument: Any, choice: int, group: int, inside: str) -> str:
    if code is codes.LITERAL:
        return chr(argument)
    if code in (codes.ANY, codes.NOT_LITERAL):
        return "a" if code is codes.ANY or argument != ord("a") else "b"
    if code is codes.IN:
        return _from_set(argument)
    if code is codes.BRANCH:
        branches = argument[1]
        return _write(branches[choice % len(branches)], choice, group, inside)
    if code is codes.SUBPATTERN:
        return inside if group and argument[0] == group else _write(argument[3], choice, group, inside)
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        least, most, what = argument
        return _write(what, choice, group, inside) * int(max(least, min(most, 1)))
    return ""


def _from_set(members: Any) -> str:
    code, argument = members[0]
    if code is codes.NEGATE:
        taken = {chr(a) for c, a in members[1:] if c is codes.LITERAL}
        return next(letter for letter in "axyz01-" if letter not in taken)
    if code is codes.LITERAL:
        return chr(argument)
    if code is codes.RANGE:
        return chr(argument[0])
    return str(_CATEGORY.get(argument) or _NOT_CATEGORY.get(argument, "a"))
