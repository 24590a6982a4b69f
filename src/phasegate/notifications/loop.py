"""Delivery loop of notifications, in one of the processes that host a worker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing

from phasegate.app.app import App
from phasegate.core.tasks import beside
from phasegate.notifications.channel_log import Notices
from phasegate.notifications.undelivered import LOCK
from phasegate.store import Lock

EVERY = 1.0
"""Seconds between looks at what is to be told."""
LOOK_EVERY = 60.0
"""Seconds between looks at what people did to tickets, and at the time of the digest."""


@asynccontextmanager
async def mirroring(app: App, every: float = EVERY, look_every: float = LOOK_EVERY) -> AsyncIterator[None]:
    """Deliver notifications to the configured channels as long as the context lasts."""
    if not app.config.mirror.places:
        yield
        return
    async with beside(_mirror(app, every, look_every)):
        yield


async def _mirror(app: App, every: float, look_every: float) -> None:
    from phasegate.notifications.setup import follower_of, looks_of  # the protocol's library takes a second to load
    from phasegate.tool_access.servers import sessions_of

    # One process at a time: two would both find that something was not told yet, and tell it twice (decision 0014).
    with closing(await _turn(app, every)):
        sessions = sessions_of(app)
        try:
            follower, notices = follower_of(app, sessions), Notices()
            looks = [(look, look_every) for look in looks_of(app, follower)]
            await asyncio.gather(*(_again(look, pace, notices) for look, pace in [(follower.step, every), *looks]))
        finally:
            await sessions.close()


async def _turn(app: App, every: float) -> Lock:
    """Waits until no other process mirrors this repository."""
    while True:
        held = app.database.store.try_lock(LOCK)
        if held is not None:
            return held
        await asyncio.sleep(every)


async def _again(look: Callable[[], Awaitable[None]], every: float, notices: Notices) -> None:
    name = getattr(look, "__qualname__", "look").partition(".")[0]
    while True:
        await asyncio.sleep(every)
        try:
            await look()
        except Exception as error:
            notices.failed(name, "", error)
        else:
            notices.worked(name, "")
