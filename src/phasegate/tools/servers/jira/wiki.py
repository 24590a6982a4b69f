"""Our Markdown as Jira's wiki markup, which REST version 2 takes on the Cloud and on a Data Center alike.

Whatever is not Markdown stays text: HTML, macros in braces, mentions, embedded pictures (which would be fetched by
whoever reads the issue) become characters or plain links.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from phasegate.tools.texts import cut_note

MOST = 32_767
"""Characters that a description or comment may have."""
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
_SPECIAL = re.compile(r"\\|&(?=#?\w+;)|[{}\[\]*_+^~?!|#@]|(?<!\w)-(?=\S)|(?<=\S)-(?!\w)")
_ENTITIES = {"\\": "&#92;", "&": "&amp;"}
_INLINE = {"strong_open": "*", "strong_close": "*", "em_open": "_", "em_close": "_", "s_open": "-", "s_close": "-"}


def wiki(markdown: str) -> str:
    """The text as wiki markup."""
    return _Writer().blocks(_MARKDOWN.parse(markdown)).strip()


def plain_text(markdown: str) -> str:
    """A line of Markdown without its marks: what it says.

    >>> plain_text("Write `src/a.py` *well*")
    'Write src/a.py well'
    """
    (inline,) = _MARKDOWN.parseInline(markdown)
    kept = [" " if t.type.endswith("break") else t.content for t in inline.children or []]
    return "".join(kept)


def fitted(markdown: str) -> str:
    """Return the text as wiki markup that Jira takes, cut with a note at its end where it is too long."""
    whole = wiki(markdown)
    if _length(whole) <= MOST:
        return whole
    note = cut_note(len(markdown))

    def made(end: int) -> str:
        return f"{wiki(markdown[:end])}\n{note}"

    kept = bisect_right(range(len(markdown)), MOST, key=lambda end: _length(made(end))) - 1
    return made(max(kept, 0))


def _length(text: str) -> int:
    """Return the length in UTF-16 units, as Jira counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def escaped(text: str) -> str:
    """A text that shows as it is. A backslash becomes an entity, since two of them are a line break."""
    return _SPECIAL.sub(lambda match: _ENTITIES.get(match[0], f"\\{match[0]}"), text)


class _Writer:
    """Goes through the blocks once, keeping the bullets of the lists it is in."""

    def __init__(self) -> None:
        self._bullets: list[str] = []
        self._cell = "|"
        self._out: list[str] = []

    def blocks(self, tokens: Sequence[Token]) -> str:
        for token in tokens:
            self._block(token)
        return "".join(self._out)

    def _block(self, token: Token) -> None:
        if token.type == "inline":
            self._out.append("".join(_inline(token.children or [])))
        elif token.type in ("fence", "code_block"):
            self._out.append(_code(token))
        elif token.type.endswith("_list_open"):
            self._bullets.append("*" if token.type.startswith("bullet") else "#")
        elif token.type.endswith("_list_close"):
            self._bullets.pop()
            self._out.append("" if self._bullets else "\n")
        elif token.type == "list_item_open":
            self._out.append("".join(self._bullets) + " ")
        else:
            self._out.append(self._edge(token))

    def _edge(self, token: Token) -> str:
        if token.type in ("th_open", "th_close", "td_open", "td_close"):
            self._cell = "||" if token.type.startswith("th") else "|"
            return self._cell if token.type.endswith("open") else ""
        if token.type == "paragraph_close":
            return "\n" if self._bullets else "\n\n"
        edges = {
            "heading_open": f"h{token.tag[1:]}. ",
            "heading_close": "\n\n",
            "blockquote_open": "{quote}\n",
            "blockquote_close": "{quote}\n\n",
            "hr": "----\n\n",
            "tr_close": f"{self._cell}\n",
            "table_close": "\n",
        }
        return edges.get(token.type, "")


def _inline(tokens: Sequence[Token]) -> Iterator[str]:
    targets: list[str] = []
    for token in tokens:
        if token.type == "link_open":
            targets.append(_target(str(token.attrs.get("href", ""))))
            yield "[" if targets[-1] else ""
        elif token.type == "link_close":
            target = targets.pop()
            yield f"|{target}]" if target else ""
        elif token.type == "image":
            yield escaped(f"{token.content} ({token.attrs.get('src', '')})")
        elif token.type == "code_inline":
            yield "{{" + escaped(token.content) + "}}"
        else:
            yield {**_INLINE, "softbreak": " ", "hardbreak": "\n"}.get(token.type, escaped(token.content))


def _target(address: str) -> str:
    """An address that a link may have, or nothing."""
    if not re.match(r"(https?://|mailto:)", address, re.IGNORECASE):
        return ""
    return re.sub(r"[|\[\]{}\s\\]", lambda match: f"%{ord(match[0]):02X}", address)


def _code(token: Token) -> str:
    """Return code in the first macro whose name is not in it, or as lines of text where all are."""
    for macro in ("code", "noformat"):
        if f"{{{macro}" not in token.content:
            language = re.match(r"[a-z]+", token.info)
            named = f"{macro}:{language[0]}" if language and macro == "code" else macro
            return f"{{{named}}}\n{token.content}{{{macro}}}\n\n"
    return "".join(escaped(line) for line in token.content.splitlines(keepends=True)) + "\n"
