"""Blocks of a message: which an agent may send, and how much Slack takes.

Agents format, and no more. A button of theirs could pass for one of a gate, and decide something else than it says; a
picture is fetched by Slack, and its address can carry data away. Blocks with either are written by us alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from phasegate.core import InvalidInput
from phasegate.tools.texts import shown, unmentioned

_MOST = 50
_TEXT = 3000
_FIELD = 2000


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlainText(_Part):
    """Text as it is."""

    type: Literal["plain_text"]
    text: str = Field(min_length=1)

    def sent(self) -> dict[str, Any]:
        """Return Slack's JSON."""
        return {"type": self.type, "text": shown(self.text), "emoji": True}


class Mrkdwn(_Part):
    """Text with Slack's formatting."""

    type: Literal["mrkdwn"]
    text: str = Field(min_length=1, description="mentions of people, groups and channels become text")

    def sent(self) -> dict[str, Any]:
        """Return Slack's JSON, verbatim because a bare @here would call."""
        return {"type": self.type, "text": unmentioned(self.text), "verbatim": True}


Text = Annotated[PlainText | Mrkdwn, Field(discriminator="type")]


class Header(_Part):
    """A title of at most 150 characters."""

    type: Literal["header"]
    text: PlainText

    def sent(self) -> dict[str, Any]:
        """Return Slack's JSON."""
        return {"type": self.type, "text": self.text.sent()}


class Section(_Part):
    """A text of at most 3,000 characters, and up to 10 fields of 2,000 in two columns."""

    type: Literal["section"]
    text: Text | None = None
    fields: list[Text] = []

    def sent(self) -> dict[str, Any]:
        """Return Slack's JSON."""
        text = {"text": self.text.sent()} if self.text else {}
        fields = {"fields": [field.sent() for field in self.fields]} if self.fields else {}
        return {"type": self.type, **text, **fields}


class Context(_Part):
    """Small print: up to 10 texts."""

    type: Literal["context"]
    elements: list[Text] = Field(min_length=1)

    def sent(self) -> dict[str, Any]:
        """Return Slack's JSON."""
        return {"type": self.type, "elements": [element.sent() for element in self.elements]}


class Divider(_Part):
    """A line."""

    type: Literal["divider"]

    def sent(self) -> dict[str, Any]:
        """Return Slack's JSON."""
        return {"type": self.type}


AgentBlock = Annotated[Header | Section | Context | Divider, Field(discriminator="type")]
"""What an agent may send."""


def checked(blocks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The blocks, when Slack takes as much.

    Raises:
        InvalidInput: one is over a limit, or is not a block; the message says which.
    """
    if len(blocks) > _MOST:
        raise InvalidInput(f"there are {len(blocks)} blocks, and Slack takes {_MOST}", fix="send fewer")
    for number, block in enumerate(blocks, 1):
        problem = _problem(block) or _too_long(block)
        if problem:
            raise InvalidInput(f"block {number} ({block.get('type')}): {problem}", fix="shorten or split it")
    return [dict(block) for block in blocks]


def _problem(block: Mapping[str, Any]) -> str:
    try:
        parsed = Block.parse(dict(block))
        if parsed is None:
            return "is not a block that Slack knows"
        parsed.to_dict()
    except SlackObjectFormationError as error:
        return str(error)
    except (AttributeError, KeyError, TypeError, ValueError):  # how the library meets what is not there, or of a type
        return "does not have the parts that Slack asks for"
    return ""


def _too_long(block: Mapping[str, Any]) -> str:
    """Return the fault of a text beyond Slack's limits, which the library's models do not check."""
    if any(len(str(field.get("text", ""))) > _FIELD for field in block.get("fields", [])):
        return f"a field cannot exceed {_FIELD} characters"
    if any(len(text) > _TEXT for text in _texts(block)):
        return f"a text cannot exceed {_TEXT} characters"
    return ""


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        if part.get("type") in ("mrkdwn", "plain_text"):
            yield str(part.get("text", ""))
        part = list(part.values())
    for inner in part if isinstance(part, list) else ():
        yield from _texts(inner)
