"""How pages say things."""

import re
from datetime import date, datetime
from typing import NamedTuple

from phasegate.core import InvalidInput
from phasegate.workspace import visible

PAST = {
    "approve": "approved",
    "waive": "approved with an exception",
    "reject": "rejected",
    "request-changes": "sent back",
}
_HIDDEN = re.compile(r"(<U\+[0-9A-F]{4,6}>)")


class Piece(NamedTuple):
    """A piece of a line."""

    text: str
    hidden: bool
    """Whether it stands for a character that cannot be seen."""


def stamp(when: datetime) -> str:
    """`18 Nov 2026, 20:10 UTC`.

    >>> from datetime import UTC
    >>> stamp(datetime(2026, 11, 8, 20, 10, tzinfo=UTC))
    '8 Nov 2026, 20:10 UTC'
    """
    return f"{when.day} {when:%b %Y, %H:%M} UTC"


def iso(when: datetime) -> str:
    """For programs that read the page."""
    return when.isoformat()


def day(text: str) -> date | None:
    """A day as a form or an address has it, YYYY-MM-DD; None where it is empty.

    Raises:
        InvalidInput: it is none.
    """
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise InvalidInput(f"'{text[:40]}' is no day", fix="YYYY-MM-DD") from error


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`.

    >>> count(1, "file"), count(0, "finding")
    ('1 file', '0 findings')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def role(name: str) -> str:
    """A card's name as people say it.

    >>> role("sre-automation"), role("product-owner")
    ('SRE automation', 'Product owner')
    """
    words = name.replace("-", " ")
    words = words[:1].upper() + words[1:]
    return re.sub(r"\b(sre|qa|devsec)\b", lambda found: _NAMES[found[1].lower()], words, flags=re.IGNORECASE)


_NAMES = {"sre": "SRE", "qa": "QA", "devsec": "DevSec"}


def marked(line: str) -> list[Piece]:
    """A line that was made visible, cut where hidden characters are.

    >>> [piece.hidden for piece in marked("ad<U+202E>min")]
    [False, True, False]
    """
    return [Piece(text, bool(_HIDDEN.fullmatch(text))) for text in _HIDDEN.split(line) if text]


def paragraphs(text: str) -> list[str]:
    """The text's lines, visible."""
    return [visible(line) for line in text.splitlines()]
