"""Names that look alike: the skeleton of Unicode's report 39, for the letters that imitate Latin ones."""

import unicodedata

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
