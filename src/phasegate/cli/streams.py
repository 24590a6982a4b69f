"""Standard output and standard error of a terminal that cannot show every character."""

import codecs
import io
import sys

_PLAIN = {
    "✓": "+",
    "✗": "x",
    "→": "->",
    "…": "...",
    "◆": "*",
    "●": "*",
    "○": "o",
    "–": "-",
    "—": "-",
    "×": "x",
    "≤": "<=",
}
_HANDLER = "phasegate-plain"


def show_plainly() -> None:
    """Have what the terminal's encoding lacks written in plain characters instead of failing."""
    codecs.register_error(_HANDLER, _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(char, "?") for char in lacking), error.end
