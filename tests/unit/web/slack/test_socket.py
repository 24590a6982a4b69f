"""Socket mode: bolt's and slack-sdk's own client, against a server on loopback that speaks Slack's protocol."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from aiohttp import WSMsgType, web

from phasegate.tools.servers.slack import APPROVE
from phasegate.web.server import build
from phasegate.web.slack.handler import SlackApp
from phasegate.web.slack.socket import _short, connected
from services.slack import APP_TOKEN
from services.slack_clicks import form, signed
from unit.web.clicking import PATH, Channel, workspace
from unit.web.fixtures import ORIGIN

WAIT_S = 60
LOG = "phasegate.slack.socket"


@dataclass
class Line:
    """Slack's end of the connections: hello, envelopes out, what is acknowledged comes in."""

    opened: asyncio.Queue[web.WebSocketResponse] = field(default_factory=asyncio.Queue)
    acknowledged: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        line = web.WebSocketResponse()
        await line.prepare(request)
        await line.send_str(json.dumps({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A1"}}))
        await self.opened.put(line)
        async for message in line:
            if message.type is WSMsgType.TEXT:
                await self.acknowledged.put(json.loads(message.data))
        return line

    async def next(self) -> web.WebSocketResponse:
        return await asyncio.wait_for(self.opened.get(), WAIT_S)

    async def ack(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.acknowledged.get(), WAIT_S)


def envelope(payload: dict[str, Any], number: int = 1, kind: str = "interactive") -> str:
    whole = {"envelope_id": f"e-{number}", "type": kind, "accepts_response_payload": True, "payload": payload}
    return json.dumps(whole)


@asynccontextmanager
async def plugged(at: Channel) -> AsyncIterator[tuple[Line, SlackApp]]:
    """Our server, connected; it shares accounts and unlocked keys with the office."""
    line, app = Line(), web.Application()
    app.router.add_get("/link/", line.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    at.slack.socket = f"ws://127.0.0.1:{runner.addresses[0][1]}/link/?ticket=1"
    slack = workspace(at.slack, secret="", app_token=APP_TOKEN)
    desk = build(replace(at.here.parts, slack=slack)).state.desk
    async with connected(desk, ping_s=0.5):
        yield line, desk
    await desk.door.errands.done(30)
    await runner.cleanup()


async def test_click_by_the_connection_decides_and_is_acknowledged(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    payload = at.slack.clicks.button("U0ADA", APPROVE, await at.value(key))
    async with plugged(at) as (line, desk):
        assert desk.verifier is None
        await (await line.next()).send_str(envelope(payload))
        ack = await line.ack()
    assert (ack["envelope_id"], ack["payload"]["decision"]) == ("e-1", "approve")
    assert await at.decided(key) == ("approve", "ada")


async def test_refused_click_is_not_acknowledged_and_the_person_is_told(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    refused = at.slack.clicks.button("U0EVE", APPROVE, await at.value(key))
    async with plugged(at) as (line, _):
        socket = await line.next()
        await socket.send_str(envelope({"type": "event_callback", "event": {"text": "/approve"}}, 1, "events_api"))
        await socket.send_str(envelope({"command": "/approve", "user_id": "U0ADA"}, 2, "slash_commands"))
        await socket.send_str(envelope(refused, 3))
        await socket.send_str(envelope({"type": "block_actions"}, 4))
        await socket.send_str(envelope(at.slack.clicks.button("U0ADA", APPROVE, await at.value(key)), 5))
        assert (await line.ack())["envelope_id"] == "e-5"
        assert line.acknowledged.empty()
    assert [event.user for event in await at.refusals(key)] == ["U0EVE"]
    assert len(at.told) == 1
    assert await at.decided(key) == ("approve", "ada")


async def test_connection_that_breaks_is_opened_again(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    async with plugged(at) as (line, _):
        first = await line.next()
        await first.send_str(json.dumps({"type": "disconnect", "reason": "warning"}))
        second = await line.next()
        payload = at.slack.clicks.button("U0ADA", APPROVE, await at.value(key))
        await second.send_str(envelope(payload))
        assert (await line.ack())["envelope_id"] == "e-1"
    assert await at.decided(key) == ("approve", "ada")


async def test_without_a_signing_secret_nothing_is_taken_over_http(at: Channel) -> None:
    key = await at.here.gate()
    await at.unlocks("ada")
    again = build(replace(at.here.parts, slack=workspace(at.slack, secret="", app_token=APP_TOKEN)))
    body = form(at.slack.clicks.button("U0ADA", APPROVE, await at.value(key)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=again), base_url=ORIGIN) as client:
        answer = await client.post(PATH, content=body, headers=signed(body, at.here.clock.now()))
    assert (answer.status_code, await at.decided(key)) == (404, ("", ""))


class Heard(logging.Handler):
    """What is logged, and the moment of it."""

    def __init__(self) -> None:
        super().__init__()
        self.said: asyncio.Queue[logging.LogRecord] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.said.put_nowait(record)


async def test_connection_that_slack_refuses_is_said_in_a_line(at: Channel) -> None:
    slack = workspace(at.slack, secret="", app_token="xapp-of-yesterday")
    desk, log, heard = build(replace(at.here.parts, slack=slack)).state.desk, logging.getLogger(LOG), Heard()
    log.addHandler(heard)
    async with connected(desk, ping_s=0.5):
        said = [await asyncio.wait_for(heard.said.get(), WAIT_S) for _ in range(2)]
    log.removeHandler(heard)
    assert "invalid_auth" in said[0].getMessage()
    assert all(record.exc_info is None and "xapp-" not in record.getMessage() for record in said)


def test_ticket_of_a_connection_is_not_logged() -> None:
    record = logging.LogRecord("x", logging.ERROR, "", 1, "at %s", ("wss://a/link/?ticket=s3cret&app_id=1'",), None)
    assert _short(record)
    assert record.getMessage() == "at wss://a/link/?ticket=…&app_id=1'"
