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


_IMITATE = str.maketrans(
    # Cyrillic, Greek, Armenian, Latin of other alphabets, digits and signs, each above what it looks like.
    "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455\u0456\u0458\u0501\u0433\u04bb\u051b\u051d\u04cf\u044c\u04af\u0491"
    "\u03b1\u03b2\u03b5\u03b7\u03b9\u03ba\u03bd\u03bf\u03c1\u03c3\u03c4\u03c5\u03c7\u03b3\u03bc\u03c9"
    "\u0578\u057d\u0585\u0570\u0566\u0581\u0131\u0237\u0251\u0261\u0269\u028b\u026f0135|!$@",
    "abekmhopctyxsijdrhqwlbyrabenikvopotuxyuwnuohqgijagivwolesllsa",
)

_LEFT_OUT = ("Mn", "Mc", "Me", "Cc", "Cf", "Co", "Cn", "Zs", "Zl", "Zp", "Pd")
"""Marks, what is not seen, blanks and hyphens."""


def skeleton(name: str) -> str:
    """Return the form that texts that look alike have in common, made for comparing alone.

    >>> skeleton("Аdа") == skeleton("ada")
    True
    """
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    seen = "".join(
        letter for letter in apart if unicodedata.category(letter)[:2] not in _LEFT_OUT and letter not in "_.'"
    )
    return seen.translate(_IMITATE).replace("i", "l").replace("rn", "m").replace("vv", "w").replace("cl", "d")
