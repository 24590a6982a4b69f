"""A message of one Adaptive Card, as a Teams workflow takes it.

All texts go into RichTextBlocks, which know no Markdown: a link, a picture or a mention in them stays text. (A mention
would need an entry in the card's `msteams` besides, which we never write.)
"""

import json
import re
from bisect import bisect_right
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from phasegate.core import InvalidInput
from phasegate.tools.texts import cut_note, shown

SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
MOST_BYTES = 28_000
"""Teams refuses messages over 28 KB; we count a thousand bytes to the KB, in UTF-8."""
_LINKS = 5
_NAME, _VALUE, _TITLE = 120, 400, 800
"""Bytes of JSON that a fact's name and value and the title may take; the text has what is left."""

Severity = Literal["info", "good", "warning", "critical"]
_STYLES: dict[Severity, str] = {"info": "accent", "good": "good", "warning": "warning", "critical": "attention"}


class Fact(BaseModel):
    """A line of the card, such as `Risk: low`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=100)
    value: str = Field(min_length=1, max_length=2000)


class Link(BaseModel):
    """A link to more, such as a ticket."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(min_length=1, max_length=300)
    url: str = Field(description="https address", min_length=1, max_length=2000)


class Card(BaseModel):
    """Content of a card."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    title: str
    text: str
    facts: list[Fact] = []
    label: str = ""
    """What the colour means, in words: `To decide`."""
    link: str = ""
    links: list[Link] = []
    severity: Severity = "info"


def message(card: Card) -> bytes:
    """Return the message in UTF-8 JSON of at most 28,000 bytes, with its text cut and a note until it fits.

    Raises:
        InvalidInput: the link is not https.
    """
    text, title = literal(card.text), _title(card)
    rest = [*map(_fact, card.facts), _footer(card)]
    more = [_open(each.url, _cut(literal(each.title), _NAME)) for each in card.links[:_LINKS] if each.url != card.link]
    actions = [*([_open(card.link)] if card.link else []), *more]

    def written(text: str) -> bytes:
        return _written([title, *_paragraphs(text), *rest], actions)

    whole = written(text)
    if len(whole) <= MOST_BYTES:
        return whole
    note, most = cut_note(len(text)), min(len(text), MOST_BYTES)
    kept = bisect_right(range(most), MOST_BYTES, key=lambda end: len(written(text[:end] + note))) - 1
    return written(text[: max(kept, 0)] + note)


def literal(text: str) -> str:
    """A text that no client takes for a mention (`<at>`) or a date to work out (`{{DATE(…)}}`).

    >>> literal("<at>Mia</at> {{DATE(2026-11-23T09:00:00Z)}}")
    '< at>Mia< /at> { {DATE(2026-11-23T09:00:00Z)}}'
    """
    return re.sub(r"<(?=/?at\b)", "< ", shown(text), flags=re.IGNORECASE).replace("{{", "{ {")


def _written(body: list[dict[str, Any]], actions: list[dict[str, Any]]) -> bytes:
    content: dict[str, Any] = {
        "$schema": SCHEMA,
        "type": "AdaptiveCard",
        "version": "1.5",
        "msteams": {"width": "Full"},
        "body": body,
        "actions": actions,
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return json.dumps({"type": "message", "attachments": [attachment]}, ensure_ascii=False).encode()


def _title(card: Card) -> dict[str, Any]:
    title = _run(_cut(literal(card.title), _TITLE), weight="Bolder", size="Large")
    label = [_block(_run(_cut(literal(card.label), _NAME), weight="Bolder"))] if card.label.strip() else []
    return {"type": "Container", "style": _STYLES[card.severity], "bleed": True, "items": [_block(title), *label]}


def _paragraphs(text: str) -> list[dict[str, Any]]:
    return [_block(_run(line)) for line in text.split("\n") if line.strip()]


def _fact(fact: Fact) -> dict[str, Any]:
    name = _run(f"{_cut(literal(fact.name), _NAME)}: ", weight="Bolder")
    return _block(name, _run(_cut(literal(fact.value), _VALUE)))


def _footer(card: Card) -> dict[str, Any]:
    """The key, so that people can tell whether a card arrived."""
    return _block(_run(_cut(literal(card.key), _VALUE), size="Small", isSubtle=True))


def _open(link: str, title: str = "") -> dict[str, Any]:
    """A button that names the host it leads to, or what it opens."""
    try:
        parts = urlsplit(link)
        host = parts.hostname if parts.scheme == "https" and "@" not in parts.netloc else None
    except ValueError:
        host = None
    if not host or not link.isascii() or not link.isprintable() or re.search(r"[\s\\]", link):
        raise InvalidInput("the link is not an https address", fix="give an address such as https://host/path")
    return {"type": "Action.OpenUrl", "title": title or f"Open {host}", "url": link}


def _block(*inlines: dict[str, Any]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(inlines)}


def _run(text: str, **look: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **look}


def _cut(text: str, limit: int) -> str:
    """A text on one line whose JSON takes so many bytes at most."""
    line = " ".join(text.split())
    if _size(line) <= limit:
        return line
    return line[: bisect_right(range(limit), limit, key=lambda end: _size(line[:end] + "…")) - 1] + "…"


def _size(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2
