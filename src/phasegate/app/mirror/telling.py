"""The seam to the places outside: what one is told, and how it calls for it."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from phasegate.app.mirror.news import News, What
from phasegate.app.mirror.story import Story
from phasegate.core import PhasegateError, Unknown
from phasegate.tools.hands import Hands

_REASON = re.compile(r"\(reason: ([a-z_-]+)\)\s*$")
_UNCLEAR = ("unknown", "unknown-outcome")
_LASTING = ("conflict", "illegal-transition")
"""Refusals that stay, however often we ask: somebody else's change stands."""


class Kept(PhasegateError):
    """Somebody changed by hand what we would have written; theirs stays, and this piece of news is over."""


class Unseen(PhasegateError):
    """It may or may not have been told, and nothing can be read back: it is not told again by itself."""


@dataclass(frozen=True, kw_only=True)
class Telling:
    """One piece of news for one place."""

    story: Story
    news: News
    hands: Hands
    holds: Mapping[str, Any]
    """What was made there for this run so far."""
    again: bool
    """Whether it was tried before, and nobody knows what came of it."""
    remarks: list[str] = field(default_factory=list)
    """What was left as people have it there; kept with what was told."""

    @property
    def key(self) -> str:
        """The idempotency key of what is made for this news."""
        return f"{self.story.run.id}/{self.news.key}"

    async def call(self, server: str, tool: str, **arguments: Any) -> Mapping[str, Any]:
        """What a tool answers.

        Raises:
            Kept: it was refused for good.
            Unknown: it may or may not have been done.
            PhasegateError: it was not done, and may be later.
        """
        answer = await self.hands.call(server, tool, **arguments)
        if not answer.failed and isinstance(answer.data, Mapping):
            return answer.data
        found = _REASON.search(answer.text)
        text = _REASON.sub("", answer.text).removeprefix(f"Error executing tool {tool}: ").strip()
        reason, said = found[1] if found else "", f"{server}.{tool}: {text}"
        if reason in _LASTING:
            raise Kept(said)
        raise Unknown(said) if reason in _UNCLEAR else PhasegateError(said)


class Place(Protocol):
    """One place outside that follows runs."""

    @property
    def name(self) -> str:
        """Of the server that it goes through."""
        ...

    @property
    def settles(self) -> timedelta:
        """How long it takes until what was made there is surely found by its key."""
        ...

    @property
    def heeds(self) -> Collection[What]:
        """What is told there."""
        ...

    async def tell(self, telling: Telling) -> Mapping[str, Any]:
        """Tells it; told again, it makes nothing twice.

        Returns:
            What was made there for the run, with what was made now.

        Raises:
            Kept: what a person did there stays.
            Unseen: it was tried before, and cannot be looked for.
            Unknown: it may or may not have been told.
            PhasegateError: it could not be told now.
        """
        ...
