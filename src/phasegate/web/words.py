"""Words of pages."""

import re
from datetime import date, datetime
from typing import NamedTuple

from phasegate.core import InvalidInput
from phasegate.workspace import visible

_HIDDEN = re.compile(r"(<U\+[0-9A-F]{4,6}>)")


class Piece(NamedTuple):
    """A piece of a line."""

    text: str
    hidden: bool
    """Whether it stands for a character that cannot be seen."""


def iso(when: datetime) -> str:
    """For programs that read the page."""
    return when.isoformat()


def day(text: str) -> date | None:
    """Parse a day as YYYY-MM-DD, or return None where it is empty.

    Raises:
        InvalidInput: it is none.
    """
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise InvalidInput(f"'{text[:40]}' is no day", fix="YYYY-MM-DD") from error


def marked(line: str) -> list[Piece]:
    """A line that was made visible, cut where hidden characters are.

    >>> [piece.hidden for piece in marked("ad<U+202E>min")]
    [False, True, False]
    """
    return [Piece(text, bool(_HIDDEN.fullmatch(text))) for text in _HIDDEN.split(line) if text]


def spans(text: str) -> list[str]:
    """Split a text at its backticks: every second part is code.

    >>> spans("call (`ec2:X`) on it")
    ['call (', 'ec2:X', ') on it']
    """
    return text.split("`")


def paragraphs(text: str) -> list[str]:
    """The text's lines, visible."""
    return [visible(line) for line in text.splitlines()]
