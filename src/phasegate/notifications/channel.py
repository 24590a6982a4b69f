"""The seam to the places outside: what one is told, and how it calls for it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from phasegate.core import PhasegateError
from phasegate.notifications.notification import Kind, News
from phasegate.notifications.run_summary import Story
from phasegate.notifications.tool_call import called
from phasegate.tools.client import ToolClient


class DeliveryUnknown(PhasegateError):
    """A delivery whose outcome is unknown and cannot be read back, so that it is not repeated."""


@dataclass(frozen=True, kw_only=True)
class Telling:
    """A notification for one channel."""

    story: Story
    news: News
    hands: ToolClient
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
        """Call a tool, by `called`, which names the errors."""
        return await called(self.hands, server, tool, **arguments)


class NotificationChannel(Protocol):
    """A notification channel that follows runs."""

    @property
    def name(self) -> str:
        """Name of the channel's server."""
        ...

    @property
    def search_lag(self) -> timedelta:
        """Time until something made in the channel is surely found by its key."""
        ...

    @property
    def subscribes_to(self) -> Collection[Kind]:
        """Kinds of news that the channel is told."""
        ...

    async def tell(self, telling: Telling) -> Mapping[str, Any]:
        """Deliver a notification, at most once even when called again.

        Returns:
            What was made there for the run, with what was made now.

        Raises:
            Never: it cannot be told; the next news is.
            Unseen: it was tried before, and cannot be looked for.
            Unknown: it may or may not have been told.
            PhasegateError: it could not be told now.
        """
        ...
