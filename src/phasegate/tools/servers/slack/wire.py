"""Answers of Slack as far as they are read, unreadable where they do not fit."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from phasegate.tools.servers.slack import results

EVENT = "phasegate"
"""The event type of our messages' metadata."""
DELETED = "tombstone"
"""The subtype of what is left of a deleted message that has replies."""
_LONGEST = 4000


class Wire(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Metadata(Wire):
    """Note of an app on its message, which any app may read."""

    event_type: str = ""
    event_payload: dict[str, Any] = {}


class Myself(Wire):
    """The bot's account."""

    user_id: str
    bot_id: str = ""
    team_id: str = ""
    """Of the workspace."""


class Message(Wire):
    """A message."""

    ts: str
    subtype: str = ""
    text: str = ""
    user: str = ""
    bot_id: str = ""
    thread_ts: str = ""
    metadata: Metadata = Metadata()

    def is_by(self, myself: Myself) -> bool:
        """Return whether that account posted the message."""
        return self.bot_id == myself.bot_id if myself.bot_id else self.user == myself.user_id

    def noted(self, name: str) -> str:
        """Return the note of our metadata."""
        return str(self.metadata.event_payload.get(name, "")) if self.metadata.event_type == EVENT else ""

    def shown(self, myself: Myself) -> results.Message:
        """Return the tools' result."""
        ours = self.is_by(myself)
        return results.Message(
            timestamp=self.ts,
            thread=self.thread_ts,
            by=self.user or self.bot_id,
            ours=ours,
            key=self.noted("key") if ours else "",
            text=self.text[:_LONGEST],
        )


class Sent(Wire):
    """A message that Slack has just taken."""

    ts: str
    message: dict[str, Any]

    def whole(self, metadata: dict[str, Any], thread: str = "") -> Message:
        """Return the result in lists, without repeating what was sent."""
        known = {"thread_ts": thread, **self.message, "ts": self.ts, "metadata": metadata}
        return Message.model_validate(known)


class PageInfo(Wire):
    """Position of the next page."""

    next_cursor: str = ""


class Page(Wire):
    """A page of anything."""

    following: PageInfo = Field(alias="response_metadata", default=PageInfo())

    @property
    def cursor(self) -> str:
        """Cursor of the next page, or an empty one."""
        return self.following.next_cursor


class Messages(Page):
    """A page of messages."""

    messages: list[Message]


class Channel(Wire):
    """A channel."""

    id: str
    name: str = ""
    private: bool = Field(alias="is_private", default=False)
    member: bool = Field(alias="is_member", default=False)
    archived: bool = Field(alias="is_archived", default=False)

    def shown(self) -> results.Channel:
        """Return the tools' result."""
        return results.Channel(id=self.id, name=self.name, private=self.private, member=self.member)


class Asked(Wire):
    """The answer to a question for a channel."""

    channel: Channel


class Channels(Page):
    """A page of channels."""

    channels: list[Channel]


class Profile(Wire):
    """A user's profile."""

    real_name: str = ""
    email: str = ""


class User(Wire):
    """A user."""

    id: str
    team_id: str = ""
    name: str = ""
    deleted: bool = False
    bot: bool = Field(alias="is_bot", default=False)
    profile: Profile = Profile()

    def shown(self) -> results.User:
        """Return the tools' result."""
        return results.User(
            id=self.id,
            name=self.name,
            real_name=self.profile.real_name,
            email=self.profile.email,
            bot=self.bot,
            deleted=self.deleted,
        )


class UserResponse(Wire):
    """The answer to a question for a user."""

    user: User
