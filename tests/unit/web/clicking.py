"""An office whose managers are in Slack too: cards are posted there, clicks come back signed, as Slack signs them."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from phasegate.core import FixedClock
from phasegate.ledger import GateKey
from phasegate.ledger.events import ClickRefused
from phasegate.tools.servers import RetryPolicy
from phasegate.tools.servers.slack import Card, SlackClient, asking, value_of
from phasegate.web.slack.slack_client import AsyncSlackClient, Environment
from services import serve
from services.slack import NOW as THEN
from services.slack import TOKEN, Message, SlackService, User
from services.slack_clicks import SECRET, form, signed
from unit.web.fixtures import ORIGIN, PASSPHRASES, WebServer, web_server

PATH = "/slack/interactive"
MEMBERS = {"ada": "U0ADA", "amy": "U0AMY"}


@contextmanager
def slack_running() -> Iterator[SlackService]:
    """A Slack on loopback."""
    slack = SlackService()
    with serve(slack) as address:
        slack.clicks.address = address
        yield slack


def workspace(slack: SlackService, **more: Any) -> AsyncSlackClient:
    """What our server knows of it."""
    environment = Environment(**{"token": TOKEN, "secret": SECRET, "url": f"{slack.clicks.address}/api/", **more})
    return AsyncSlackClient(environment, RetryPolicy(answer_s=60.0, waits_s=0.0, tries=1))


@dataclass(frozen=True, kw_only=True)
class Channel:
    """The office, and its channel in Slack."""

    here: WebServer
    slack: SlackService
    web: httpx.AsyncClient
    """Slack's way to the office: no cookie, no origin, no token."""

    async def card(self, key: GateKey) -> Message:
        """The gate's card, posted."""
        gate = await self.here.parts.gate(*key)
        card = Card(gate=str(key), title="Spec review", summary="Please look", link=f"{ORIGIN}/gates/{key}")
        client = SlackClient(TOKEN, f"{self.slack.clicks.address}/api/", clock=FixedClock(THEN))
        client.post(str(key), "C0OPS", card.text, asking(card, gate.digest), mrkdwn=False)
        return self.slack.ops.messages[-1]

    async def value(self, key: GateKey) -> str:
        """What the buttons of the gate's card carry."""
        return value_of(str(key), (await self.here.parts.gate(*key)).digest)

    async def unlocks(self, name: str, hours: str = "8", **more: str) -> httpx.Response:
        """Fills in the page's form."""
        async with self.here.browser(name) as browser:
            fields = await browser.form("/slack")
            filled = {"user": "", **fields, "hours": hours, "passphrase": PASSPHRASES[name], **more}
            return await browser.client.post("/slack", data=filled)

    async def post(self, payload: dict[str, Any], **how: Any) -> httpx.Response:
        """Sends a payload as Slack does, and waits for what is done afterwards."""
        body = form(payload)
        return await self.send(body, signed(body, self.here.clock.now(), **how))

    async def send(self, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        answer = await self.web.post(PATH, content=body, headers=dict(headers))
        await self.here.desk.door.errands.done(30)
        return answer

    async def press(
        self,
        user: str,
        action: str,
        key: GateKey,
        card: Message | None = None,
        *,
        value: str = "",
        changed: dict[str, Any] | None = None,
    ) -> httpx.Response:
        """Presses a button of the gate's card; `changed` are parts of the payload that are otherwise."""
        payload = self.slack.clicks.button(
            user, action, value or await self.value(key), message=card.ts if card else ""
        )
        return await self.post({**payload, **(changed or {})})

    async def decided(self, key: GateKey) -> tuple[str, str]:
        """What was decided, and by whom; empty where nothing was."""
        decision = await self.here.app.ledger.decision(key)
        return (decision.statement.kind.value, decision.statement.by) if decision else ("", "")

    async def refusals(self, key: GateKey) -> list[ClickRefused]:
        return await self.here.app.ledger.events_of(key.run, ClickRefused)

    @property
    def told(self) -> list[str]:
        """What people were told, and nobody else saw."""
        return [said["text"] for said in self.slack.clicks.told]

    def later(self, **span: float) -> None:
        self.here.clock.move(self.here.clock.now() + timedelta(**span))


def shown(message: Message) -> str:
    """Every text of a message, in order."""

    def texts(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            if isinstance(part.get("text"), str):
                yield part["text"]
            part = list(part.values())
        for inner in part if isinstance(part, list) else ():
            yield from texts(inner)

    return "\n".join(texts(message.blocks))


def buttons(message: Message) -> list[str]:
    """Action ids on it."""
    return [each["action_id"] for block in message.blocks for each in block.get("elements", []) if "action_id" in each]


@asynccontextmanager
async def channel(
    folder: Path, slack: SlackService, members: Mapping[str, str] = MEMBERS, **more: Any
) -> AsyncIterator[Channel]:
    """Ada and Amy are managers, and in Slack; Eve is there too, and is none. `more` is the first gate's."""
    slack.clear()
    for name in ("ada", "amy", "eve"):
        slack.users[f"U0{name.upper()}"] = User(id=f"U0{name.upper()}", name=name)
    async with web_server(folder, managers=tuple(MEMBERS), slack=workspace(slack), members=members, **more) as here:
        transport = httpx.ASGITransport(app=here.web)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as web:
            yield Channel(here=here, slack=slack, web=web)
            await here.desk.door.errands.done(30)
