"""Slack settings of the environment, and calls of Slack with short time limits while it waits for our answer."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from phasegate.core import PhasegateError, Refused
from phasegate.tools.servers.http_calls import RetryPolicy
from phasegate.tools.servers.slack import wire
from phasegate.tools.servers.slack.client import SlackClient
from phasegate.tools.texts import plain

TOKEN, SECRET, APP, URL = "SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN", "SLACK_API_URL"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Slack variables, where an empty one is not set."""

    token: str = field(default="", repr=False)
    """The bot's."""
    secret: str = field(default="", repr=False)
    """What Slack signs requests with."""
    app_token: str = field(default="", repr=False)
    """For socket mode."""
    url: str = ""
    """The address of the Web API, where it is not Slack's own."""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Read the process's environment."""
        values = [environ.get(name, "").strip() for name in (TOKEN, SECRET, APP, URL)]
        return cls(token=values[0], secret=values[1], app_token=values[2], url=values[3])

    @property
    def usable(self) -> bool:
        """True if clicks can come in and be answered."""
        return bool(self.token and (self.secret or self.app_token))

    def missing(self, *, socket: bool = False) -> list[str]:
        """Return the missing variables where some of Slack's are set, those of socket mode with `socket`."""
        if not (self.token or self.secret or self.app_token or socket):
            return []
        way = [APP] if socket else [f"{SECRET} or {APP}"]
        has_way = self.app_token if socket else self.secret or self.app_token
        return [*([] if self.token else [TOKEN]), *([] if has_way else way)]


HOSTS = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
"""Where answers to clicks go."""
QUICK = RetryPolicy(answer_s=2.0, waits_s=0.0, tries=1)
"""Slack takes an answer within three seconds."""
_TURNS = 64


class AsyncSlackClient:
    """The workspace that our bot is in."""

    def __init__(self, environment: Environment, quick: RetryPolicy = QUICK) -> None:
        """Keep the settings without opening anything.

        Args:
            environment: the variables of Slack.
            quick: how long to wait for Slack while it waits for us.

        Raises:
            InvalidInput: the API's address is not safe to send a token to.
        """
        self.environment = environment
        self._quick = SlackClient(environment.token, environment.url, quick)
        self._patient = SlackClient(environment.token, environment.url)
        self._turns = [asyncio.Lock() for _ in range(_TURNS)]

    async def myself(self) -> wire.Myself:
        """Return the bot's account, which is asked for once."""
        return await asyncio.to_thread(self._quick.myself)

    async def person(self, user: str) -> wire.User:
        """Somebody of this workspace, who is a person.

        Raises:
            Refused: they are a bot, have left, or are of another workspace; reason `service_identity`,
                `not_an_approver`, `foreign_workspace`.
        """
        found, myself = await asyncio.to_thread(self._quick.user, user), await self.myself()
        if found.bot:
            raise Refused(f"'{user}' is a bot in Slack", reason="service_identity", fix=_MEND)
        if found.deleted:
            raise Refused(f"'{user}' has left Slack", reason="not_an_approver", fix=_MEND)
        if not myself.team_id or found.team_id != myself.team_id:
            raise Refused(f"'{user}' is of another workspace", reason="foreign_workspace", fix=_MEND)
        return found

    async def open_view(self, trigger: str, view: Mapping[str, Any]) -> None:
        """Shows a person the view of their click."""
        await asyncio.to_thread(self._quick.open_view, trigger, view)

    def turn(self, channel: str, message: str) -> asyncio.Lock:
        """Return the lock for changing that message, so that the last writer is the last reader."""
        return self._turns[hash((channel, message)) % _TURNS]

    async def update(self, channel: str, message: str, text: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        """Shows something else on a message of ours."""
        await asyncio.to_thread(self._patient.update, channel, message, text, blocks)

    async def send_ephemeral(self, response_url: str, text: str) -> None:
        """Tells the person who clicked, and nobody else.

        Raises:
            PhasegateError: the address is not one of Slack's, or Slack did not take it.
        """
        if not self._is_slack_s(response_url):
            raise PhasegateError(
                "a click asks for its answer at an address that is not Slack's", fix="nothing was sent"
            )
        # The card stays: it is shown to all, and says to the others what it said before.
        body = {"response_type": "ephemeral", "replace_original": False, "text": plain(text)}
        try:
            # A redirect would lead past the check of the address.
            async with httpx.AsyncClient(timeout=10, follow_redirects=False) as client:
                answer = await client.post(response_url, json=body)
        except httpx.HTTPError as error:
            # Neither text nor cause: both hold the address, and whoever has it can answer in that channel.
            raise PhasegateError(f"Slack did not take an answer to a click ({type(error).__name__})") from None
        if answer.status_code != 200:
            raise PhasegateError(f"Slack did not take an answer to a click ({answer.status_code})")

    def _is_slack_s(self, address: str) -> bool:
        """Return whether the address is Slack's, or that of the server that SLACK_API_URL names."""
        try:
            parts, api = urlsplit(address), urlsplit(self.environment.url)
        except ValueError:
            return False
        if not (address.isascii() and address.isprintable()) or "\\" in address:
            return False
        ours = bool(api.netloc) and (parts.scheme, parts.netloc) == (api.scheme, api.netloc)
        return ours or (parts.scheme == "https" and parts.netloc in HOSTS)


_MEND = "set `slack` under your [[managers]] in phasegate.toml to your own member id"
