"""Texts that somebody else wrote, as they may stand in a message.

    shown       nothing invisible, nothing that turns text round
    plain       shown, and escaped for mrkdwn: no mention, no link but an address that everybody sees
    unmentioned mrkdwn whose formatting and links stay, while mentions become text

Slack reads `<`, `>` and `&` as markup, and nothing else calls people: we send parse=none and verbatim texts.
"""

import re
from bisect import bisect_right
from itertools import accumulate
from unicodedata import category

from phasegate.core import is_visible

LONGEST = 40_000
"""Characters of a message's text; Slack cuts what is longer, without saying so."""

_KEPT = "\n\t\u200d\ufe0f"
"""Line ends, and what emoji are put together with."""
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
