"""Normalised readings of a text that know where each character came from.

A secret may be split over lines, interrupted by characters that nobody sees, or written with escapes; it is looked for
in the reading, and taken out of the text.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from phasegate.core.visible import is_visible

_UNUSUAL = re.compile(r"[^\x20-\x7e\n\t]+")
_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}|\\[nrt\"'/\\]")
_PERCENT = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_BREAK = re.compile(r"(?<=\S)\r?\n[ \t]*(?=\S)")
_QUOTED_BREAK = re.compile(r"(?<=\S)[ \t]{0,200}[\"'+\\]{0,4}\r?\n[ \t>|#*\"'+-]*(?=\S)")
"""Between the strings of a program, in a quotation, or in a list."""


@dataclass(frozen=True)
class Reading:
    """A text as it may be read, and where its characters stand in the text that was given."""

    text: str
    _here: tuple[int, ...] = (0,)
    """Where each piece begins."""
    _there: tuple[tuple[int, int], ...] = ((0, -1),)
    """Where it begins in the given text, and where it ends there; -1: character by character."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the part of the given text that a part of this one was read from."""
        return self._at(start)[0], self._at(end - 1)[1]

    def _at(self, index: int) -> tuple[int, int]:
        piece = bisect_right(self._here, index) - 1
        begins, ends = self._there[piece]
        return (
            (begins, ends)
            if ends >= 0
            else (begins + index - self._here[piece], begins + index - self._here[piece] + 1)
        )

    def replaced(self, pattern: re.Pattern[str], by: Callable[[str], str]) -> "Reading":
        """Return this reading with each match read as something else."""
        out: list[str] = []
        here: list[int] = []
        there: list[tuple[int, int]] = []
        length = last = 0

        def add(text: str, begins: int, ends: int) -> None:
            nonlocal length
            if text:
                here.append(length)
                there.append((begins, ends))
                out.append(text)
                length += len(text)

        for match in pattern.finditer(self.text):
            self._copy(last, match.start(), add)
            add(by(match[0]), *self.span(*match.span()))
            last = match.end()
        self._copy(last, len(self.text), add)
        return Reading("".join(out), tuple(here) or (0,), tuple(there) or ((0, -1),))

    def _copy(self, start: int, end: int, add: Callable[[str, int, int], None]) -> None:
        """Hand on a part piece by piece, for each piece knows its own place."""
        piece = bisect_right(self._here, start) - 1
        while start < end:
            until = min(self._here[piece + 1] if piece + 1 < len(self._here) else end, end)
            begins, ends = self._there[piece]
            add(self.text[start:until], begins if ends >= 0 else begins + start - self._here[piece], ends)
            start, piece = until, piece + 1


def readings(text: str) -> Iterator[Reading]:
    """Yield the text as it may be read: without what nobody sees, unescaped, decoded, and with broken lines joined."""
    plain = Reading(text)
    if _UNUSUAL.search(text):
        plain = plain.replaced(_UNUSUAL, _seen)
    yield plain
    if "\\" in plain.text and _ESCAPE.search(plain.text):
        plain = plain.replaced(_ESCAPE, _unescaped)
        yield plain
    if _PERCENT.search(plain.text):
        plain = plain.replaced(_PERCENT, unquote)
        yield plain
    if "\n" in plain.text:
        joined = [plain.replaced(pattern, lambda _: "") for pattern in (_BREAK, _QUOTED_BREAK)]
        yield joined[0]
        if joined[1].text != joined[0].text:
            yield joined[1]


def _seen(text: str) -> str:
    return "".join(char for char in text if is_visible(char) or char.isspace())


def _unescaped(text: str) -> str:
    if text == "\\'":
        return "'"
    said = str(json.loads(f'"{text}"'))
    return "" if len(said) == 1 and not (is_visible(said) or said.isspace()) else said
