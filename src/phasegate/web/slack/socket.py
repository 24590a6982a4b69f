"""Socket mode: clicks by a connection that we open, for servers that Slack cannot reach."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_sdk.web.async_client import AsyncWebClient

from phasegate.tools.addresses import safe_address
from phasegate.web.slack.desk import Desk

_log = logging.getLogger("phasegate.slack.socket")


@asynccontextmanager
async def connected(desk: Desk, ping_s: float = 10.0) -> AsyncIterator[None]:
    """Holds the connection, and opens it again where it breaks; that it is ours proves that Slack sends the clicks.

    Args:
        desk: answers.
        ping_s: seconds between signs of life, and before another try.
    """
    _log.setLevel(logging.ERROR)
    environment = desk.door.slack.environment
    url = safe_address("SLACK_API_URL", environment.url or AsyncWebClient.BASE_URL)
    client = AsyncWebClient(base_url=url, logger=_log)
    handler = AsyncSocketModeHandler(
        desk.bolt, environment.app_token, logger=_log, web_client=client, ping_interval=ping_s
    )
    connecting = asyncio.create_task(handler.connect_async())  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        connecting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await connecting
        await handler.close_async()  # type: ignore[no-untyped-call]
