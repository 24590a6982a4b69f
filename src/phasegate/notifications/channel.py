"""The seam to the places outside: what one is told, and how it calls a tool for it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from phasegate.core import InvalidInput, PhasegateError, Refused, Unknown
from phasegate.notifications.notification import Kind, News
from phasegate.notifications.run_summary import Story
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

    @property
    def search_lag(self) -> timedelta:
        """Time until something made in the channel is surely found by its key."""

    @property
    def subscribes_to(self) -> Collection[Kind]:
        """Kinds of news that the channel is told."""

    async def tell(self, telling: Telling) -> Mapping[str, Any]:
        """Deliver a notification, at most once even when called again.

        Returns:
            What was made there for the run, with what was made now.

        Raises:
            Never: it cannot be told; the next news is.
            DeliveryUnknown: it was tried before, and cannot be looked for.
            Unknown: it may or may not have been told.
            PhasegateError: it could not be told now.
        """


class Never(PhasegateError):
    """The notification cannot be delivered like this, however often it is tried."""


class Gone(Never):
    """The ticket, page, message or channel is not there any more."""


class Conflict(Never):
    """Somebody changed by hand what we would have written, and their change stays."""


async def called(hands: ToolClient, server: str, tool: str, **arguments: Any) -> Mapping[str, Any]:
    """Call a tool and return its structured answer.

    Raises:
        Never: The call was refused for good.
        Unknown: The call may or may not have been done.
        PhasegateError: The call was not done, and may be later.
    """
    answer = await hands.call(server, tool, **arguments)
    if answer.error is None and isinstance(answer.data, Mapping):
        return answer.data
    error = answer.error or PhasegateError(answer.text)
    raise _sorted(error, f"{server}.{tool}: {error.full_text}") from answer.error


def _sorted(error: PhasegateError, message: str) -> PhasegateError:
    match error:
        case Refused(reason="not-found" | "archived"):
            return Gone(message)
        case Refused(reason="conflict" | "illegal-transition"):
            return Conflict(message)
        case Refused(reason="invalid") | InvalidInput():
            return Never(message)
        case Unknown() | Refused(reason="unknown-outcome"):
            return Unknown(message)
        case _:
            return PhasegateError(message)
