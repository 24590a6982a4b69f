"""Card of a gate: the question, and the buttons that answer.

What others wrote is plain text on it. The button's value names the gate and the digest of what the card shows, so that
a decision is bound to these bytes however late somebody clicks.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from phasegate.core import InvalidInput
from phasegate.tools.servers.slack.blocks import checked
from phasegate.tools.texts import LONGEST, plain, shown

APPROVE, CHANGES, REJECT, OPEN = "phasegate-approve", "phasegate-changes", "phasegate-reject", "phasegate-open"
"""The action ids of the buttons, and the callback ids of the views that two of them open."""
ANSWER = "phasegate-answer-"
"""Beginning of the block with the answer to a question, before its number."""
_QUESTIONS = 20
"""Questions that a view has room for; the gate's page has them all."""
REMARK, TEXT = "phasegate-remark", "text"
"""Where a view has what the person writes: block, and field."""
GATE = r"[A-Za-z0-9_-]{1,64}/[a-z0-9][a-z0-9-]{0,62}/[1-9][0-9]{0,8}"
"""`RUN/PHASE/ATTEMPT`."""
DIGEST = "[0-9a-f]{64}"
FACTS = 10
LONGEST_REMARK = 3000
USER = r"[UW][A-Z0-9]{2,30}"
_HEADER, _SECTION, _FIELD, _SMALL, _SHORT, _URL, _BUTTON = 150, 3000, 2000, 500, 12, 3000, 75
_LINKS, _CALLED = 5, 20
_LABEL = 1900
"""Of a question's 2,000 characters; a longer one is cut, and stands whole on the gate's page."""
_VALUE = re.compile(rf"({GATE})\|({DIGEST})")


class Link(BaseModel):
    """A link to more, such as a ticket."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Annotated[str, Field(min_length=1, max_length=300)]
    url: Annotated[str, Field(description="https:// or http://", min_length=1, max_length=3000)]


class Fact(BaseModel):
    """A fact about a gate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Annotated[str, Field(min_length=1, max_length=100, description="e.g. Risk")]
    value: Annotated[str, Field(min_length=1, max_length=10_000, description="e.g. low; cut where it is too long")]


@dataclass(frozen=True, kw_only=True)
class Card:
    """Content of a card, whoever sends it."""

    gate: str
    """`RUN/PHASE/ATTEMPT`."""
    title: str
    summary: str
    """What is asked, or what came of it."""
    facts: Sequence[Fact] = ()
    link: str = ""
    """To the gate's page; empty: none."""
    links: Sequence[Link] = ()
    """Where the run is followed besides."""
    mention: Sequence[str] = ()
    """Ids of those who are called to decide."""

    @property
    def text(self) -> str:
        """Text of the notification."""
        return plain(f"{self.title}: {self.summary}", LONGEST)


def value_of(gate: str, digest: str) -> str:
    """Return the value that a button carries."""
    return f"{gate}|{digest}"


def read_value(value: str) -> tuple[str, str]:
    """Gate and digest of a button.

    Raises:
        InvalidInput: it is none of ours.
    """
    found = _VALUE.fullmatch(value)
    if found is None:
        raise InvalidInput("the button names no gate and digest", fix="decide on the gate's page")
    return found[1], found[2]


def asking(card: Card, digest: str) -> list[dict[str, Any]]:
    """The card of a gate that is open, with its buttons.

    Raises:
        InvalidInput: the link is no web address, or Slack does not take as much.
    """
    value = value_of(card.gate, digest)
    buttons = [
        _button("Approve", APPROVE, value, style="primary", confirm=_confirm(card, digest)),
        _button("Request changes", CHANGES, value),
        _button("Reject", REJECT, value, style="danger"),
        *_open(card.link, card.links),
    ]
    shown, actions = _shown(card, f"digest {digest[:_SHORT]}"), {"type": "actions", "elements": buttons}
    return checked([*shown, *calling(card.mention), actions])


def answered(card: Card) -> list[dict[str, Any]]:
    """Return the card after the decision, with links as its only buttons.

    Raises:
        InvalidInput: as `asking`.
    """
    buttons = _open(card.link, card.links)
    return checked([*_shown(card), *([{"type": "actions", "elements": buttons}] if buttons else [])])


def calling(users: Sequence[str]) -> list[dict[str, Any]]:
    """Return a line that mentions people of the team by configured ids, without texts of others."""
    for user in users:
        if not re.fullmatch(USER, user):
            raise InvalidInput(f"'{user}' is not the id of a user", fix="give one such as U012A3CDE")
    called = " ".join(f"<@{user}>" for user in users[:_CALLED])
    return [{"type": "section", "text": {"type": "mrkdwn", "text": f"For {called}", "verbatim": True}}] if users else []


def message(text: str, links: Sequence[Link], mention: Sequence[str]) -> list[dict[str, Any]]:
    """A message about a run: plain text, whom it calls, and buttons that lead somewhere.

    Raises:
        InvalidInput: a link is no web address.
    """
    buttons = _open("", links)
    actions = [{"type": "actions", "elements": buttons}] if buttons else []
    return checked([_section(text), *calling(mention), *actions])


def remark_view(
    action: str, gate: str, title: str, digest: str, kept: str, questions: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the view in which a person requests changes or rejects.

    Args:
        action: CHANGES or REJECT.
        gate: `RUN/PHASE/ATTEMPT`.
        title: the card's.
        digest: of what the card shows.
        kept: comes back with what is filled in; nobody sees it.
        questions: that a request for changes can answer, in their order.
    """
    changes = action == CHANGES
    questions, left = (questions[:_QUESTIONS], len(questions[_QUESTIONS:])) if changes else ((), 0)
    head, button = ("Request changes", "Send back") if changes else ("Reject", "Reject")
    hint = "The rework has to answer it." if changes else "May stay empty. The run ends here."
    field = {"type": "plain_text_input", "action_id": TEXT, "multiline": True, "max_length": LONGEST_REMARK}
    asked = {
        "type": "input",
        "block_id": REMARK,
        "optional": not changes or bool(questions),
        "label": _plain("What has to change" if changes else "Why"),
        "hint": _plain(hint),
        "element": field,
    }
    return {
        "type": "modal",
        "callback_id": action,
        "private_metadata": kept,
        "title": _plain(head),
        "submit": _plain(button),
        "close": _plain("Cancel"),
        "blocks": checked(
            [
                _section(title),
                _small(f"{gate} · digest {digest[:_SHORT]}"),
                *(_question(number, text) for number, text in enumerate(questions, 1)),
                *([_small(_left(left))] if left else []),
                asked,
            ]
        ),
    }


def _left(count: int) -> str:
    """Return what becomes of questions for which a view has no room."""
    them = f"question {_QUESTIONS + 1} is" if count == 1 else f"questions {_QUESTIONS + 1} to {_QUESTIONS + count} are"
    return f"Not here: {them} on the gate's page. Answer all of them there; what you send from here leaves them open."


def _question(number: int, text: str) -> dict[str, Any]:
    return {
        "type": "input",
        "block_id": f"{ANSWER}{number}",
        "optional": True,
        "label": _plain(f"{number}. {text}", _LABEL),
        "hint": _plain("Left empty, it stays open."),
        "element": {
            "type": "plain_text_input",
            "action_id": TEXT,
            "multiline": True,
            "max_length": LONGEST_REMARK,
        },
    }


def _shown(card: Card, *more: str) -> list[dict[str, Any]]:
    facts = [_plain(f"{fact.title}\n{fact.value}", _FIELD) for fact in card.facts[:FACTS]]
    return [
        {"type": "header", "text": _plain(" ".join(card.title.split()), _HEADER)},
        _section(card.summary),
        *([{"type": "section", "fields": facts}] if facts else []),
        _small(" · ".join([card.gate, *more])),
    ]


def _confirm(card: Card, digest: str) -> dict[str, Any]:
    return {
        "title": _plain("Approve?"),
        "text": _plain(f"{card.gate}, digest {digest[:_SHORT]}: signed with your key, it counts at once.", 300),
        "confirm": _plain("Approve"),
        "deny": _plain("Cancel"),
    }


def _open(link: str, links: Sequence[Link] = ()) -> list[dict[str, Any]]:
    """Return buttons for the first few links."""
    named = [*([("Open", link)] if link else []), *((each.title, each.url) for each in links[:_LINKS])]
    return [
        {
            "type": "button",
            "text": _plain(title, _BUTTON),
            "action_id": OPEN if n == 0 else f"{OPEN}-{n}",
            "url": _address(url),
        }
        for n, (title, url) in enumerate(named)
    ]


def _address(link: str) -> str:
    try:
        parts = urlsplit(link)
        web = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        web = False
    if not (web and link.isascii() and link.isprintable() and " " not in link and len(link) <= _URL):
        raise InvalidInput("the link is no web address", fix="give one that begins with https:// or http://, or none")
    return link


def _button(text: str, action: str, value: str, **more: Any) -> dict[str, Any]:
    return {"type": "button", "text": _plain(text), "action_id": action, "value": value, **more}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _plain(text, _SECTION)}


def _small(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [_plain(text, _SMALL)]}


def _plain(text: str, limit: int = _HEADER) -> dict[str, Any]:
    """Text as it is: neither mentions, links, formatting nor emoji come of it."""
    visible = shown(text).strip() or "–"
    cut = visible if len(visible) <= limit else f"{visible[: limit - 1]}…"
    return {"type": "plain_text", "text": cut, "emoji": False}
