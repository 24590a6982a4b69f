"""Text of strangers as people may safely see it: what is drawn as nothing, or turns text round, is written out."""

import re
import unicodedata

_UNSEEN = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs")
_BLANK = {"\u034f", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u2800", "\u3164", "\uffa0"}
"""Letters and marks that are drawn as nothing."""
_SPACE = re.compile("[ \t\r\n\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")


def visible(text: str) -> str:
    """The text with every character but a space that is drawn as nothing, or turns others round, as `<U+202E>`.

    >>> visible("ad\\u202emin")
    'ad<U+202E>min'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if is_visible(char) else f"<U+{ord(char):04X}>" for char in text)


def one_line(text: str) -> str:
    """The text on one line: white space of any width is one space, all else that nobody sees is written out.

    >>> one_line("pay\\u202eload\\n  now")
    'pay<U+202E>load now'
    """
    return visible(" ".join(part for part in _SPACE.split(text) if part))


def is_visible(char: str) -> bool:
    """Return whether a character is drawn, a plain space included, and leaves the order of others alone."""
    if char == " ":
        return True
    return not (unicodedata.category(char) in _UNSEEN or char in _BLANK or _is_variation(char))


def _is_variation(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"
