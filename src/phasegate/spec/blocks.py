"""Markdown as a flat list of blocks, each with its line and the headings it stands under."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

FRONT_MATTER = re.compile(r"\A---\n(.*?\n)---[ \t]*(?:\n|\Z)", re.DOTALL)

_MARKDOWN = MarkdownIt("commonmark")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)


class Block(NamedTuple):
    """A heading, paragraph, list item, piece of code or HTML."""

    kind: str
    """`heading`, `paragraph`, `item`, `code` or `html`."""
    text: str
    """Its Markdown, on one line for headings, paragraphs and items; comments are left out of these."""
    line: int
    section: tuple[str, ...]
    """Headings above it, outermost first, as `name` gives them; a heading's own is the last."""
    level: int = 0
    """Level of a heading, from 1."""


def blocks(text: str) -> list[Block]:
    """Return the blocks of a Markdown text in order, with front matter left out of blocks but not of line numbers."""
    return list(_read(text))


@lru_cache(maxsize=2)  # reading, completing and judging a spec ask for the same text many times in a row
def _read(text: str) -> tuple[Block, ...]:
    return tuple(_blocks(tokens(text)))


@lru_cache(maxsize=2)
def tokens(text: str) -> Sequence[Token]:
    """The Markdown parser's tokens, without front matter, lines as in the text."""
    # Line ends stand in for the front matter, so that the lines of all else stay right.
    return tuple(_MARKDOWN.parse(FRONT_MATTER.sub(lambda match: "\n" * match[0].count("\n"), text)))


def name(heading: str) -> str:
    """A heading as it is compared: without marks such as `*(mandatory)*`, in lower case.

    >>> name("User Scenarios & Testing *(mandatory)*")
    'user scenarios & testing'
    """
    return " ".join(re.sub(r"\*\([^()]*\)\*|[*_`]", "", heading[:300]).casefold().split())


def _blocks(stream: Sequence[Token]) -> Iterator[Block]:
    above: list[tuple[int, str]] = []
    opened: list[str] = []
    for position, token in enumerate(stream):
        if token.nesting:
            opened = [*opened, token.type] if token.nesting > 0 else opened[:-1]
        if token.type not in ("inline", "html_block", "fence", "code_block"):
            continue
        if opened[-1:] == ["heading_open"]:
            level = int(stream[position - 1].tag[1])
            above = [*(each for each in above if each[0] < level), (level, name(_plain(token)))]
            yield Block("heading", _plain(token), _line(token), _titles(above), level)
        else:
            kind = _kind(token, opened)
            yield Block(
                kind, token.content if kind in ("html", "code") else _plain(token), _line(token), _titles(above)
            )


def _kind(token: Token, opened: list[str]) -> str:
    if token.type == "html_block":
        return "html"
    if token.type in ("fence", "code_block"):
        return "code"
    return "item" if "list_item_open" in opened else "paragraph"


def _titles(above: list[tuple[int, str]]) -> tuple[str, ...]:
    return tuple(title for _, title in above)


def _plain(token: Token) -> str:
    return " ".join(_COMMENT.sub(" ", token.content).split())


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 0
