"""Socket mode: clicks by a connection that we open, for servers that Slack cannot reach."""

import logging
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.adapter.socket_mode.async_internals import send_async_response
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from phasegate.core.tasks import beside
from phasegate.tools.addresses import safe_address
from phasegate.web.slack.handler import SlackApp

_log = logging.getLogger("phasegate.slack.socket")


def _short(record: logging.LogRecord) -> bool:
    """Log connection trouble in one line, without the ticket in its address."""
    record.msg, record.args = re.sub(r"ticket=[^&'\"\s]*", "ticket=…", record.getMessage()), ()
    record.exc_info = None
    return True


class _Handler(AsyncSocketModeHandler):
    """Bolt's handler, which reads payloads as the HTTP route does and acknowledges no refused one."""

    def __init__(self, desk: SlackApp, app_token: str, client: AsyncWebClient, ping_s: float) -> None:
        super().__init__(desk.bolt, app_token, logger=_log, web_client=client, ping_interval=ping_s)
        self._desk = desk

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]
        """Answers an envelope."""
        # By our own way in, so that a click is read and refused the same by either connection.
        answer = await self._desk.dispatch(req.payload)
        await send_async_response(client, req, answer, time.time())


@asynccontextmanager
async def connected(desk: SlackApp, ping_s: float = 10.0) -> AsyncIterator[None]:
    """Hold the connection and renew it. Clicks on it are Slack's because we opened it.

    Args:
        desk: answers.
        ping_s: seconds between signs of life, and before another try.
    """
    _log.setLevel(logging.ERROR)
    _log.addFilter(_short)
    environment = desk.door.slack.environment
    url = safe_address("SLACK_API_URL", environment.url or AsyncWebClient.BASE_URL)
    client = AsyncWebClient(base_url=url, logger=_log)
    handler = _Handler(desk, environment.app_token, client, ping_s)
    try:
        async with beside(handler.connect_async()):  # type: ignore[no-untyped-call]
            yield
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]
