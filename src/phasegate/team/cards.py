"""A role's card: what it is answerable for, where it works, within which limits."""

from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from phasegate.team.documents import front_matter, refused, validated
from phasegate.team.flow import Name
from phasegate.team.servers import ENGINE

COMPILER = "compiler"
ASSISTANT = "assistant"
RECORDED = "recorded:"
"""Begin of a model's name that is followed by the path of a recording, from which the model answers."""
"""A team's own assistant, which takes work items."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Kind(StrEnum):
    """Kind of a card's holder."""

    agent = "agent"
    person = "person"


class Limits(_Strict):
    """Limits of a role in one run, at which the run parks for a person."""

    tokens: int = Field(gt=0)
    """Tokens in and out, over all calls of a model."""
    money_usd: float = Field(gt=0)
    """US dollars, over all calls of a model."""
    calls: int = Field(gt=0)
    """Calls of a model."""
    seconds: int = Field(gt=0)
    """Wall time of one draft or review."""
    rounds: int = Field(ge=1, le=10)
    """Answers at most of one draft or review, the first one counted."""
    steps: int = Field(default=60, ge=1, le=1000)
    """Replies at most in which a model calls tools, in one draft or review; then it has to hand in."""


class Front(_Strict):
    """The front matter of a card."""

    name: Name
    """The file's name without `.md`."""
    title: str = Field(min_length=1)
    """What people call the role."""
    kind: Kind
    """`agent`, or `person`: only a person decides at a gate."""
    answerable_for: tuple[str, ...] = Field(min_length=1)
    """What it answers for, a few words each."""
    authors: tuple[Name, ...] = ()
    """Ids of the phases in which it drafts."""
    reviews: tuple[Name, ...] = ()
    """Ids of the phases in which it reviews."""
    prompt: Name | None = None
    """First part of its templates' names: `prompts/<prompt>.<phase>.md.j2` and `prompts/<prompt>.review.md.j2`."""
    model: str = COMPILER
    """`compiler`, `assistant`, or the name of a chat model."""
    limits: Limits | None = None
    """Needed for an agent."""

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.kind is Kind.agent and (self.limits is None or self.prompt is None):
            raise ValueError("an agent needs both 'prompt' and 'limits'")
        if self.kind is Kind.person and (self.authors or self.reviews):
            raise ValueError("a person decides at gates: 'authors' and 'reviews' stay empty")
        return self


class Card(Front):
    """A card: its front matter, and the job description below it."""

    body: str
    """Markdown."""

    @property
    def duties(self) -> str:
        """Body without the heading that repeats the title, as prompts have it."""
        first, _, rest = self.body.strip().partition("\n")
        return (rest if first.startswith("# ") else self.body).strip()


def read_card(text: str, path: str) -> Card:
    """Reads a card.

    Raises:
        InvalidInput: with file, line and fix for each thing that does not hold.
    """
    document, body = front_matter(text, path, check="card-lint")
    front = validated(document, Front)
    expected = path.rsplit("/", 1)[-1].removesuffix(".md")
    if front.name != expected:
        message = f"the card is named {front.name!r} and its file {expected!r}"
        fix = f"Write `name: {expected}`, or rename the file to {front.name}.md."
        raise refused(path, [document.finding("name", ("name",), message, fix)])
    if front.name == ENGINE:
        message = f"{ENGINE!r} stands for the engine itself, which may call what no role may"
        raise refused(path, [document.finding("name", ("name",), message, "Give card and file another name.")])
    return Card(**front.model_dump(), body=body)
