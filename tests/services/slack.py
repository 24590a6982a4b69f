"""A local Slack: the methods of its Web API that our tools call; state that a test can read and change.

Which people a message calls is worked out as Slack does, from its text and blocks: see `called`.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request
from fastapi.responses import Response

from services.faults import Faults
from services.shapes import Shapes
from services.slack_clicks import Clicks, Unknown

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
TOKEN = "xoxb-slack-token"
OTHER_TOKEN = "xoxb-other-app"
APP_TOKEN = "xapp-slack-token"
SCOPES = {
    "auth.test": "",
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "conversations.history": "channels:history",
    "conversations.replies": "channels:history",
    "conversations.list": "channels:read",
    "conversations.info": "channels:read",
    "users.info": "users:read",
    "users.lookupByEmail": "users:read.email",
    "views.open": "",
}


TIERS = {
    "auth.test": 600,
    "chat.postMessage": 60,
    "chat.update": 50,
    "conversations.history": 50,
    "conversations.replies": 50,
    "conversations.list": 20,
    "conversations.info": 50,
    "users.info": 100,
    "users.lookupByEmail": 50,
    "views.open": 100,
}
"""Calls a minute that each method takes."""


class Refusal(Exception):
    """What Slack answers when it does not do a thing: its code, and more."""

    def __init__(self, code: str, **more: Any) -> None:
        super().__init__(code)
        self.code, self.more = code, more


@dataclass(kw_only=True)
class User:
    """A user, which may be a bot's."""

    id: str
    name: str
    email: str = ""
    bot_id: str = ""
    scopes: set[str] = field(default_factory=lambda: set(SCOPES.values()))
    deleted: bool = False
    team: str = "T1"

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        profile = {"real_name": self.name.title(), **({"email": self.email} if self.email else {})}
        shown = {"id": self.id, "team_id": self.team, "name": self.name, "deleted": self.deleted}
        return {**shown, "is_bot": bool(self.bot_id), "profile": profile}


@dataclass(kw_only=True)
class Message:
    """A message."""

    ts: str
    by: User
    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list)
    thread: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    edited: str = ""
    sent: dict[str, Any] = field(default_factory=dict)
    """What the request said, as it was."""
    deleted: bool = False
    """Whether it is what is left of a message that has replies."""

    def shown(self, *, metadata: bool) -> dict[str, Any]:
        """As the API shows it."""
        if self.deleted:
            gone = {"type": "message", "subtype": "tombstone", "ts": self.ts, "thread_ts": self.ts}
            return {**gone, "user": "USLACKBOT", "text": "This message was deleted.", "hidden": True}
        return {
            "type": "message",
            "ts": self.ts,
            "user": self.by.id,
            "text": self.text,
            **({"bot_id": self.by.bot_id} if self.by.bot_id else {}),
            **({"blocks": self.blocks} if self.blocks else {}),
            **({"thread_ts": self.thread} if self.thread else {}),
            **({"edited": {"user": self.by.id, "ts": self.edited}} if self.edited else {}),
            **({"metadata": self.metadata} if metadata and self.metadata else {}),
        }

    def called(self) -> list[str]:
        """Who is called: `<!…>` and `<@…>` anywhere in mrkdwn, and bare names where Slack is asked to find them."""
        texts = [(self.text, self.sent.get("parse") in ("full", "client") or bool(self.sent.get("link_names")))]
        texts += [(part["text"], not part.get("verbatim")) for part in _mrkdwn(self.blocks)]
        found: list[str] = []
        for text, bare in texts:
            found += re.findall(r"<([!@][^>]+)>", text)
            found += re.findall(r"@(?:channel|here|everyone)\b", text) if bare else []
        return found


@dataclass(kw_only=True)
class Channel:
    """A channel."""

    id: str
    name: str
    members: set[str]
    private: bool = False
    archived: bool = False
    messages: list[Message] = field(default_factory=list)


class SlackService:
    """The API is below /api/ of its address; our token is TOKEN, that of another app OTHER_TOKEN."""

    def __init__(self) -> None:
        self.faults, self.shapes = Faults(), Shapes("slack")
        self.now: Callable[[], datetime] = lambda: NOW
        self.app = FastAPI(openapi_url=None)
        self.app.add_exception_handler(Refusal, self._refused)
        self.clicks = Clicks(shapes=self.shapes, now=lambda: self.now())
        self.clicks.serve(self.app)
        self.app.add_api_route("/api/{method}", self._called, methods=["POST"])
        self.clear()

    def clear(self) -> None:
        """Makes it as it was at first."""
        self.bot = User(id="U0BOT", name="phasegate", bot_id="B0BOT")
        self.other = User(id="U0OTHER", name="other", bot_id="B0OTHER")
        self.mia = User(id="U0MIA", name="mia chen", email="mia@example.com")
        self.users = {user.id: user for user in (self.bot, self.other, self.mia)}
        self.tokens = {TOKEN: self.bot, OTHER_TOKEN: self.other}
        everybody, people = set(self.users), {self.mia.id}
        made = (
            Channel(id="C0OPS", name="ops", members=everybody),
            Channel(id="C0OLD", name="old", members=everybody, archived=True),
            Channel(id="C0CLOSED", name="closed", members=people),
            Channel(id="C0SECRET", name="secret", members=people, private=True),
        )
        self.channels = {channel.id: channel for channel in made}
        self.refusing: dict[str, str] = {}
        """Methods that answer with a code, such as token_expired, until it is taken out again."""
        self.limited = False
        """Whether the limits of Slack's tiers hold."""
        self._made: dict[str, list[datetime]] = {}
        self.page = 1000
        """How many things are on a page at most."""
        self._numbers = count(1)
        self.socket = ""
        """The address that socket mode is sent to."""
        self.clicks.clear()
        self.faults.clear()
        self.faults.seen.clear()

    @property
    def ops(self) -> Channel:
        """The channel that our bot is in."""
        return self.channels["C0OPS"]

    def say(self, text: str, *, by: User | None = None, ago_s: float = 0.0, **more: Any) -> Message:
        """A message in the channel ops, made without the API."""
        message = Message(ts=self._ts(ago_s), by=by or self.mia, text=text, **more)
        self.ops.messages.append(message)
        return message

    def delete(self, message: Message) -> None:
        """What a person does: with replies, something of it stays."""
        if any(made.thread == message.ts for made in self.ops.messages):
            message.deleted = True
        else:
            self.ops.messages.remove(message)

    def _ts(self, ago_s: float = 0.0) -> str:
        return f"{int(self.now().timestamp() - ago_s)}.{next(self._numbers):06d}"

    async def _called(self, method: str, request: Request) -> Response:
        if method == "apps.connections.open":
            return self._connection(request)
        if method not in SCOPES:
            raise Refusal("unknown_method")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer":
            raise Refusal("not_authed")
        if token not in self.tokens:
            raise Refusal("invalid_auth")
        user, needed = self.tokens[token], SCOPES[method]
        if needed not in user.scopes:
            raise Refusal("missing_scope", needed=needed, provided=",".join(sorted(user.scopes)))
        if method in self.refusing:
            raise Refusal(self.refusing[method])
        self._slower(method)
        given = await _arguments(request)
        answers = {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "conversations.list": self._list,
            "conversations.info": self._info,
            "users.info": self._user,
            "users.lookupByEmail": self._user,
            "views.open": self._open,
        }
        shape, content = answers[method](given, user)
        granted = {"x-oauth-scopes": ",".join(sorted(filter(None, user.scopes)))}
        return self.shapes.answer(shape, {"ok": True, **content}, headers=granted)

    def _slower(self, method: str) -> None:
        """Refuses what is over the method's tier, in a minute of the service's clock; off unless a test turns it on."""
        if not self.limited:
            return
        now, made = self.now(), self._made.setdefault(method, [])
        made[:] = [at for at in made if now - at < timedelta(minutes=1)]
        if len(made) >= TIERS[method]:
            raise Refusal("ratelimited")
        made.append(now)

    def _connection(self, request: Request) -> Response:
        """Socket mode asks with the app's own token."""
        if request.headers.get("authorization") != f"Bearer {APP_TOKEN}":
            raise Refusal("invalid_auth")
        return self.shapes.answer("connection", {"ok": True, "url": self.socket})

    def _open(self, given: dict[str, Any], user: User) -> tuple[str, dict[str, Any]]:
        _check({"text": "-", "blocks": given["view"]["blocks"]}, "input")
        try:
            return self.clicks.open(given)
        except Unknown as unknown:
            raise Refusal(str(unknown)) from None

    def _auth_test(self, given: dict[str, Any], user: User) -> tuple[str, dict[str, Any]]:
        whose = {"user": user.name, "user_id": user.id, "bot_id": user.bot_id}
        return "auth.test", {"url": "http://slack.test/", "team": "Team", "team_id": "T1", **whose}

    def _post(self, given: dict[str, Any], user: User) -> tuple[str, dict[str, Any]]:
        channel = self._channel(given, user)
        _check(given)
        thread = given.get("thread_ts", "")
        if thread and thread not in [message.ts for message in channel.messages]:
            raise Refusal("thread_not_found")
        message = Message(ts=self._ts(), by=user, text="", thread=thread, metadata=given.get("metadata", {}))
        _take(message, given)
        channel.messages.append(message)
        shown = message.shown(metadata=False)
        return "sent", {"channel": channel.id, "ts": message.ts, "message": shown}

    def _update(self, given: dict[str, Any], user: User) -> tuple[str, dict[str, Any]]:
        channel = self._channel(given, user)
        message = next((made for made in channel.messages if made.ts == given["ts"]), None)
        if message is None or message.deleted:
            raise Refusal("message_not_found")
        if message.by is not user:
            raise Refusal("cant_update_message")
        _check(given)
        _take(message, {"parse": "client", **given})
        message.edited, message.metadata = self._ts(), given.get("metadata", message.metadata)
        shown = message.shown(metadata=False)
        return "sent", {"channel": channel.id, "ts": message.ts, "text": message.text, "message": shown}

    def _history(self, given: dict[str, Any], user: User) -> tuple[str, dict[str, Any]]:
        channel = self._channel(given, user)
        first = [m for m in channel.messages if m.thread in ("", m.ts) or m.sent.get("reply_broadcast")]
        return self._messages(sorted(first, key=lambda made: made.ts, reverse=True), given)

    def _replies(self, given: dict[str, Any], user: User) -> tuple[str, dict[str, Any]]:
        channel, ts = self._channel(given, user), given["ts"]
        thread = [made for made in channel.messages if ts in (made.ts, made.thread)]
        if not thread:
            raise Refusal("thread_not_found")
        return self._messages(sorted(thread, key=lambda made: made.ts), given)

    def _messages(self, made: list[Message], given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        inclusive = given.get("inclusive") == "1"
        oldest, latest = float(given.get("oldest", 0)), float(given.get("latest", "inf"))
        within = [
            message
            for message in made
            if oldest < float(message.ts) < latest or (inclusive and float(message.ts) in (oldest, latest))
        ]
        page, following = self._paged(within, given)
        metadata = given.get("include_all_metadata") == "1"
        content = {"messages": [message.shown(metadata=metadata) for message in page], "has_more": bool(following)}
        return "messages", {**content, **({"response_metadata": {"next_cursor": following}} if following else {})}

    def _list(self, given: dict[str, Any], user: User) -> tuple[str, dict[str, Any]]:
        kinds = given.get("types", "public_channel").split(",")
        seen = [
            channel
            for channel in self.channels.values()
            if ("private_channel" in kinds and user.id in channel.members) or not channel.private
            if not (channel.archived and given.get("exclude_archived") == "1")
        ]
        page, following = self._paged(seen, given)
        shown = [self._shown(channel, user) for channel in page]
        return "channels", {"channels": shown, "response_metadata": {"next_cursor": following}}

    def _shown(self, channel: Channel, user: User) -> dict[str, Any]:
        return {
            "id": channel.id,
            "name": channel.name,
            "is_channel": True,
            "is_private": channel.private,
            "is_archived": channel.archived,
            "is_member": user.id in channel.members,
        }

    def _info(self, given: dict[str, Any], user: User) -> tuple[str, dict[str, Any]]:
        channel = self.channels.get(given["channel"])
        if channel is None or (channel.private and user.id not in channel.members):
            raise Refusal("channel_not_found")
        return "ok", {"channel": self._shown(channel, user)}

    def _user(self, given: dict[str, Any], user: User) -> tuple[str, dict[str, Any]]:
        for known in self.users.values():
            if given.get("user") == known.id or (known.email and given.get("email") == known.email):
                return "user", {"user": known.shown()}
        raise Refusal("users_not_found" if "email" in given else "user_not_found")

    def _channel(self, given: dict[str, Any], user: User) -> Channel:
        channel = self.channels.get(given["channel"])
        if channel is None or (channel.private and user.id not in channel.members):
            raise Refusal("channel_not_found")
        if user.id not in channel.members:
            raise Refusal("not_in_channel")
        if channel.archived and "text" in given:
            raise Refusal("is_archived")
        return channel

    def _paged(self, things: list[Any], given: dict[str, Any]) -> tuple[list[Any], str]:
        try:
            start = int(base64.b64decode(given.get("cursor", ""), validate=True).decode().removeprefix("next:") or 0)
        except (binascii.Error, ValueError):
            raise Refusal("invalid_cursor") from None
        end = start + min(int(given.get("limit", 100)), self.page)
        return things[start:end], base64.b64encode(f"next:{end}".encode()).decode() if end < len(things) else ""

    async def _refused(self, request: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, Refusal)
        limited = refusal.code == "ratelimited"
        answer = {"ok": False, "error": refusal.code, **refusal.more}
        return self.shapes.answer("error", answer, 429 if limited else 200, {"Retry-After": "30"} if limited else None)


async def _arguments(request: Request) -> dict[str, Any]:
    body = (await request.body()).decode()
    if body and request.headers.get("content-type", "").startswith("application/json"):
        given: dict[str, Any] = json.loads(body)
        return given
    return dict(parse_qsl(body, keep_blank_values=True))


def _take(message: Message, given: dict[str, Any]) -> None:
    """Text and blocks of a request; a text without blocks takes the blocks away."""
    message.text, message.blocks, message.sent = given.get("text", "")[:40_000], given.get("blocks", []), given


_TEXTS = {"header": 150, "section": 3000}
_PARTS = {"fields": (10, 2000), "elements": (25, 3000)}


def _check(given: dict[str, Any], *also: str) -> None:
    if not given.get("text") and not given.get("blocks"):
        raise Refusal("no_text")
    if len(given.get("text", "")) > 60_000:
        raise Refusal("msg_too_long")
    problems = [] if len(given.get("blocks", [])) <= 50 else ["no more than 50 items allowed [json-pointer:/blocks]"]
    for number, block in enumerate(given.get("blocks", [])):
        problems += [f"{problem} [json-pointer:/blocks/{number}]" for problem in _problems(block, also)]
    if problems:
        raise Refusal("invalid_blocks", response_metadata={"messages": [f"[ERROR] {problem}" for problem in problems]})


def _problems(block: dict[str, Any], also: tuple[str, ...]) -> Iterator[str]:
    kind = block.get("type")
    if kind not in ("header", "section", "context", "divider", "actions", "image", *also):
        yield f"unsupported type: {kind}"
    for name, (most, longest) in _PARTS.items():
        parts = block.get(name, [])
        if len(parts) > (10 if kind == "context" else most):
            yield f"no more than {most} items allowed in {name}"
        if any(len(_text_of(part)) > (75 if part.get("type") == "button" else longest) for part in parts):
            yield f"must be less than {longest + 1} characters in {name}"
        ids = [part["action_id"] for part in parts if "action_id" in part]
        if len(ids) != len(set(ids)):
            yield "action_id already exists in this block"
    if any(len(part.get("value", "")) > 2000 or len(part.get("url", "")) > 3000 for part in block.get("elements", [])):
        yield "a button's value or url is too long"
    most = _TEXTS.get(str(kind), 3000)
    if len(_text_of(block.get("text", {"text": "-"}))) not in range(1, most + 1):
        yield f"must be less than {most + 1} characters"


def _text_of(part: dict[str, Any]) -> str:
    text = part.get("text", "")
    return text if isinstance(text, str) else _text_of(text)


def _mrkdwn(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if part.get("type") == "mrkdwn":
            yield part
        part = list(part.values())
    for inner in part if isinstance(part, list) else ():
        yield from _mrkdwn(inner)
