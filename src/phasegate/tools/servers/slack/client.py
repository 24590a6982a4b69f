"""Everything that we ask of Slack, by slack-sdk.

A message carries its idempotency key in its metadata (event type "phasegate"), and a digest of its content, by which
an update whose answer was lost is recognised. Other apps can write the same metadata on their messages: ours is only
what our bot posted.
"""

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from slack_sdk import WebClient

from phasegate.core import Clock, InvalidInput, PhasegateError, Refused, SystemClock, digest
from phasegate.tools.addresses import safe_address
from phasegate.tools.errors import Absent
from phasegate.tools.servers.http_calls import RetryPolicy
from phasegate.tools.servers.slack import wire
from phasegate.tools.servers.slack.blocks import checked
from phasegate.tools.servers.slack.calls import SlackCalls
from phasegate.tools.texts import LONGEST

LOOKED_BACK_S = 24 * 60 * 60
"""How far back a key is looked for."""
_PAGE = 200
_PAGES = 15
_TURNS = 64


class SlackClient:
    """A Slack workspace as seen by one bot."""

    def __init__(
        self, token: str, url: str = "", patience: RetryPolicy | None = None, clock: Clock | None = None
    ) -> None:
        patience = patience or RetryPolicy()
        self._calls = SlackCalls(service="Slack", credentials="SLACK_BOT_TOKEN", patience=patience)
        self._slack = WebClient(
            token,
            base_url=safe_address("SLACK_API_URL", url or WebClient.BASE_URL),
            timeout=patience.answer_s,  # type: ignore[arg-type] # goes to a socket as it is, which takes fractions
            # The library's own would send a message again where the connection broke after it had arrived.
            retry_handlers=[],
        )
        self._clock = clock or SystemClock()
        self._myself: wire.Myself | None = None
        self._turns = [Lock() for _ in range(_TURNS)]

    def myself(self) -> wire.Myself:
        """Return the bot's account."""
        if self._myself is None:
            self._myself = self._calls.read(
                "ask who we are", lambda: wire.Myself.model_validate(self._slack.auth_test().data)
            )
        return self._myself

    def scopes(self) -> frozenset[str]:
        """Return the token's scopes, none where Slack does not name them."""
        answer = self._calls.read("ask who we are", self._slack.auth_test)
        said = [value for name, value in answer.headers.items() if name.lower() == "x-oauth-scopes"]
        return frozenset(scope.strip() for value in said for scope in str(value).split(",") if scope.strip())

    def latest(self, channel: str) -> wire.Messages:
        """Return the last message of a channel, and fail where the bot is not in it."""
        return self._page(channel, "", 1, "", "0")

    def post(
        self,
        key: str,
        channel: str,
        text: str,
        blocks: Sequence[Mapping[str, Any]] = (),
        thread: str = "",
        *,
        mrkdwn: bool = True,
        broadcast: bool = False,
    ) -> tuple[wire.Message, bool]:
        """The message of a key, and whether this call posted it.

        Args:
            key: Looked for in the channel, or in the thread, of the last day.
            channel: Its id.
            text: Mrkdwn, written by us; what others wrote goes through `texts.plain` first.
            blocks: Written by us too, buttons included; what agents write goes through `blocks.AgentBlock`.
            thread: The timestamp of its first message.
            mrkdwn: Whether Slack formats the text.
            broadcast: Whether a message in a thread shows in the channel too.
        """
        sent: dict[str, Any] = {"text": _short(text), "blocks": checked(blocks)}
        metadata = {"event_type": wire.EVENT, "event_payload": {"key": key, "content": digest(sent)}}

        def send() -> wire.Message:
            answer = self._slack.chat_postMessage(
                channel=channel,
                thread_ts=thread or None,
                reply_broadcast=(broadcast and bool(thread)) or None,
                metadata=metadata,
                mrkdwn=mrkdwn,
                parse="none",
                link_names=False,
                unfurl_links=False,  # Slack would fetch the address, and tell its host so
                unfurl_media=False,
                **sent,
            )
            return wire.Sent.model_validate(answer.data).whole(metadata)

        # Two posts of one key at a time would both find nothing, and both be sent.
        with self._turns[hash((channel, key)) % _TURNS]:
            found = self.posted_for(key, channel, thread)
            if found is not None:
                return found, False
            return self._calls.write("post", send, lambda: self.posted_for(key, channel, thread)), True

    def posted_for(self, key: str, channel: str, thread: str = "") -> wire.Message | None:
        """Our message of a key, in a channel or a thread, of the last day.

        Raises:
            PhasegateError: there are too many messages to tell.
        """
        myself, cursor = self.myself(), ""
        oldest = f"{self._clock.now().timestamp() - LOOKED_BACK_S:.6f}"
        for _ in range(_PAGES):
            page = self._page(channel, thread, _PAGE, cursor, oldest)
            for message in page.messages:
                if message.is_by(myself) and message.noted("key") == key:
                    return message
            cursor = page.cursor
            if not cursor:
                return None
        says = f"more than {_PAGE * _PAGES:,} messages of a day in {channel}: cannot tell whether the key is among them"
        # Not posted: without knowing whether it is there, each further try could post it once more.
        raise PhasegateError(says, fix="use a quieter channel, or a thread; nothing was posted")

    def update(
        self, channel: str, timestamp: str, text: str, blocks: Sequence[Mapping[str, Any]] = ()
    ) -> tuple[wire.Message, bool]:
        """Update a message of ours, with text and blocks as in `post`, and return whether this call changed it."""
        sent: dict[str, Any] = {"text": _short(text), "blocks": checked(blocks)}
        before = self.message(channel, timestamp)
        if not before.is_by(self.myself()):
            fix = "only what this bot posted can be updated"
            raise Refused(f"{timestamp} is not our message", reason="forbidden", fix=fix)
        content = digest(sent)
        if before.noted("content") == content:
            return before, False
        noted = before.metadata.event_payload if before.metadata.event_type == wire.EVENT else {}
        metadata = {"event_type": wire.EVENT, "event_payload": {**noted, "content": content}}

        def send() -> wire.Message:
            answer = self._slack.chat_update(
                channel=channel,
                ts=timestamp,
                metadata=metadata,
                parse="none",  # unlike for a new message, names would call people by default
                link_names=False,
                **sent,
            )
            return wire.Sent.model_validate(answer.data).whole(metadata, before.thread_ts)

        def look() -> wire.Message | None:
            now = self.message(channel, timestamp)
            return now if now.noted("content") == content else None

        return self._calls.write("update the message", send, look), True

    def open_view(self, trigger: str, view: Mapping[str, Any]) -> None:
        """Open the view of a click within its three seconds, without a retry since a trigger counts once."""
        self._calls.once("open the form", lambda: self._slack.views_open(trigger_id=trigger, view=dict(view)))

    def message(self, channel: str, timestamp: str) -> wire.Message:
        """A message, or a reply in a thread.

        Raises:
            Absent: there is none.
        """
        around: dict[str, Any] = {"oldest": timestamp, "latest": timestamp, "inclusive": True}
        page = self._calls.read(
            "read the message",
            lambda: self._messages(
                self._slack.conversations_replies(
                    channel=channel, ts=timestamp, limit=2, include_all_metadata=True, **around
                ).data
            ),
        )
        for message in page.messages:
            if message.ts == timestamp and message.subtype != wire.DELETED:
                return message
        raise Absent(f"there is no message {timestamp} in {channel}", fix="check channel and timestamp")

    def thread(self, channel: str, timestamp: str, limit: int, cursor: str = "") -> wire.Messages:
        """A page of a thread, the oldest first."""
        return self._page(channel, timestamp, limit, cursor, "0")

    def channels(self, limit: int, cursor: str = "") -> wire.Channels:
        """A page of the channels that the bot can see and that are not archived."""
        return self._calls.read(
            "list channels",
            lambda: wire.Channels.model_validate(
                self._slack.conversations_list(
                    types="public_channel,private_channel", exclude_archived=True, limit=limit, cursor=cursor or None
                ).data
            ),
        )

    def channel(self, id: str) -> wire.Channel:
        """A channel that the bot can see."""
        return self._calls.read(
            "read the channel",
            lambda: wire.Asked.model_validate(self._slack.conversations_info(channel=id).data).channel,
        )

    def user(self, id: str) -> wire.User:
        """A user."""
        return self._calls.read(
            "read the user", lambda: wire.UserResponse.model_validate(self._slack.users_info(user=id).data).user
        )

    def user_of(self, email: str) -> wire.User:
        """The user of an e-mail address."""
        return self._calls.read(
            "look up the user",
            lambda: wire.UserResponse.model_validate(self._slack.users_lookupByEmail(email=email).data).user,
        )

    def _page(self, channel: str, thread: str, limit: int, cursor: str, oldest: str) -> wire.Messages:
        given: dict[str, Any] = {"channel": channel, "limit": limit, "cursor": cursor or None, "oldest": oldest}
        given["include_all_metadata"] = True
        if thread:
            return self._calls.read(
                "read the thread",
                lambda: self._messages(self._slack.conversations_replies(ts=thread, **given).data),
            )
        return self._calls.read(
            "read the channel's messages", lambda: self._messages(self._slack.conversations_history(**given).data)
        )

    def _messages(self, data: Any) -> wire.Messages:
        return wire.Messages.model_validate(data)


def _short(text: str) -> str:
    if len(text) > LONGEST:
        fix = "shorten it, or put what others wrote through plain()"
        raise InvalidInput(f"the text has {len(text):,} characters, and Slack takes {LONGEST:,}", fix=fix)
    return text
