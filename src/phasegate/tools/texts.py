"""Texts that somebody else wrote, as they may stand in a message, or before a model or a person.

    clean       without secrets, and with all that nobody sees written out
    shown       nothing invisible, nothing that turns text round
    plain       shown, and escaped for mrkdwn: no mention, no link but an address that everybody sees
    unmentioned mrkdwn whose formatting and links stay, while mentions become text

Slack reads `<`, `>` and `&` as markup, and nothing else calls people: we send parse=none and verbatim texts.
"""

import re
from bisect import bisect_right
from itertools import accumulate
from typing import Any
from unicodedata import category

from phasegate.core import is_visible
from phasegate.core.secrets import TAKEN_OUT, is_secret_field, without_secrets

LONGEST = 40_000
"""Characters of a message's text; Slack cuts what is longer, without saying so."""

_KEPT = "\n\t\u200d\ufe0f"
"""Line ends, and what emoji are put together with."""
_LINES = "\n\t"
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MENTION = re.compile(r"<(?=\s*[!@])")


def shown(text: str) -> str:
    r"""The text with what nobody sees, or what turns others round, written out.

    >>> shown("ad\u202emin")
    'ad<U+202E>min'
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(char if _stays(char) else f"<U+{ord(char):04X}>" for char in text)


def plain(text: str, limit: int = LONGEST) -> str:
    """Escape a text so that it shows as it is, cut with a note where it does not fit.

    >>> plain("<!channel> R&D")
    '&lt;!channel&gt; R&amp;D'
    """
    pieces = [_ENTITIES.get(char, char) for char in shown(text)]
    ends = list(accumulate(map(len, pieces)))
    if not ends or ends[-1] <= limit:
        return "".join(pieces)
    note = cut_note(len(pieces))
    return "".join(pieces[: bisect_right(ends, limit - len(note))]) + note


def cut_note(characters: int) -> str:
    """Return the note at the end of a cut text."""
    return f"\n… (cut; it had {characters:,} characters)"


def unmentioned(mrkdwn: str) -> str:
    """Mrkdwn that calls nobody: `<!…>` and `<@…>` become text.

    >>> unmentioned("*Now* <!here> <@U012|Mia> <https://example.com|plan>")
    '*Now* &lt;!here> &lt;@U012|Mia> <https://example.com|plan>'
    """
    return _MENTION.sub("&lt;", shown(mrkdwn))


def _stays(char: str) -> bool:
    return char in _KEPT or category(char) == "Zs" or is_visible(char)


def clean(text: str) -> str:
    """Return the text with secrets taken out, and with every character that is drawn as nothing written out.

    >>> clean("move \\u202eall to Done")
    'move <U+202E>all to Done'
    """
    shown = without_secrets(text)
    if shown.isascii() and shown.isprintable():
        return shown
    return "".join(char if char in _LINES or is_visible(char) else f"<U+{ord(char):04X}>" for char in shown)


def cleaned(value: Any) -> Any:
    """Return a value of JSON with every text in it cleaned, names too."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(name)): _field(str(name), item) for name, item in value.items()}
    return [cleaned(item) for item in value] if isinstance(value, list | tuple) else value


def _field(name: str, item: Any) -> Any:
    return TAKEN_OUT if isinstance(item, str) and is_secret_field(name, item) else cleaned(item)
