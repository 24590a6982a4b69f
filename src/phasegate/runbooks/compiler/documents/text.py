"""Words into Markdown: what comes from a spec or a runbook is shown, and can neither format, link, hide nor run."""

import html
import re
from collections.abc import Iterable, Sequence

from phasegate.core import one_line

_MARKUP = re.compile(r"([\\`*_\[\]~|])")
_BLOCK = re.compile(r"^(\s*)([#>+\-=]|\d+[.)])")
_TAG = re.compile(r"<[/!?a-zA-Z]|&[#\w]+;")
_REACHING = re.compile(r"(?i)\b(https?|ftp|data|javascript):")
_CODE = re.compile(r"`([^`\n]+)`")


def plain(text: str) -> str:
    """A stranger's words on one line, as they are: no tag, image, link or invisible character of theirs works.

    Words in back-ticks stay code.

    >>> plain("see ![x](http://evil) <script>, `State` and\\nmore")
    'see !\\\\[x\\\\](http&#58;//evil) &lt;script&gt;, `State` and more'
    """
    parts = _CODE.split(one_line(text))
    written = [_words(part) if place % 2 == 0 else code(part) for place, part in enumerate(parts)]
    return _BLOCK.sub(r"\1\\\2", "".join(written))


def _words(text: str) -> str:
    # Markdown renderers pass HTML through, so a stranger's tag would run on the page.
    escaped = html.escape(text, quote=False)
    return _REACHING.sub(r"\1&#58;", _MARKUP.sub(r"\\\1", escaped))


def paragraphs(text: str) -> str:
    """A stranger's text, its paragraphs kept.

    >>> paragraphs("One\\nline.\\n\\n# Two")
    'One line.\\n\\n\\\\# Two'
    """
    return "\n\n".join(plain(part) for part in re.split(r"\n\s*\n", text) if part.strip())


def code(text: object) -> str:
    """The text as code, whatever back-ticks it holds.

    >>> code("Size > `8`")
    '`` Size > `8` ``'
    """
    written = one_line(str(text))
    if _TAG.search(written):
        return f"<code>{_MARKUP.sub(lambda mark: f'&#{ord(mark[0])};', html.escape(written))}</code>"
    # A code span ends at the first run of back-ticks of its own length.
    longest = max((len(run) for run in re.findall(r"`+", written)), default=0)
    if not longest:
        return f"`{written}`"
    fence = "`" * (longest + 1)
    return f"{fence} {written} {fence}"


def capital(text: str) -> str:
    """With a capital at its begin, the rest as it is: names of AWS keep theirs."""
    return f"{text[:1].upper()}{text[1:]}"


def sentence(text: str) -> str:
    """With a capital at its begin and a full stop at its end."""
    return capital(text) + ("" if text.endswith((".", "!", "?", ":")) else ".")


def bullets(items: Iterable[str]) -> str:
    """A list, one item a line."""
    return "\n".join(f"- {item}" for item in items)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in which bars in the cells break nothing."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell(each) for each in line)} |" for line in lines)


def cell(text: str) -> str:
    """Text within a table, whose bars do not end the cell."""
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))


def spaced(text: str) -> str:
    """The Markdown with one empty line where there are several, and none at its begin and end."""
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"
