"""News that the channels have not been told yet."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from phasegate.app.app import App
from phasegate.ledger import Mirrored, Mirrors
from phasegate.notifications.notification import SUBSCRIPTIONS, news_of

LOCK = "mirror"
"""Held by the process that delivers."""
LOOK_EVERY = 0.2


@dataclass(frozen=True, kw_only=True)
class Undelivered:
    """A run with news that a channel has not been told."""

    mirrored: Mirrored
    news: int
    """How many pieces."""

    def waits(self, now: datetime) -> bool:
        """Return whether the next one failed, and is not due again yet."""
        return self.mirrored.tries > 0 and self.mirrored.due_at > now


@dataclass(frozen=True, kw_only=True)
class Channel:
    """A channel, as of now."""

    name: str
    since: datetime | None
    """From when on it follows runs; None: no run was begun yet."""
    runs: int
    """How many it follows."""
    behind: Sequence[Undelivered]


async def channels(app: App) -> list[Channel]:
    """The configured channels."""
    mirrors, found = Mirrors(app.database), list[Channel]()
    for name in app.config.mirror.places:
        behind, known = await undelivered(app, name), {row.run for row in await mirrors.of(name)}
        runs = len(known | {each.mirrored.run for each in behind})
        found.append(Channel(name=name, since=await mirrors.since(name), runs=runs, behind=behind))
    return found


def is_attended(app: App) -> bool:
    """Return whether a process delivers at the moment."""
    held = app.database.store.try_lock(LOCK)
    if held is not None:
        held.close()
    return held is None


async def undelivered(app: App, channel: str) -> list[Undelivered]:
    """Return runs with news that the channel has not been told since it was switched on, the oldest first."""
    mirrors = Mirrors(app.database)
    since = await mirrors.since(channel)
    behind = await mirrors.behind(channel, since) if since else []
    found = [Undelivered(mirrored=each, news=await _left(app, channel, each)) for each in behind]
    return [each for each in found if each.news]


async def _left(app: App, channel: str, mirrored: Mirrored) -> int:
    events = [event for event in await app.ledger.events(mirrored.run) if event.seq > mirrored.seq]
    return sum(news.what in SUBSCRIPTIONS[channel] for news in news_of(events))


async def delivered(
    app: App, run: str, within_s: float, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> Sequence[Undelivered]:
    """Wait until every channel was told all news of a run, or cannot be told now.

    Returns:
        What is left when nothing more can be delivered, or the time is over.
    """
    ends = time.monotonic() + within_s
    while True:
        left = [e for name in app.config.mirror.places for e in await undelivered(app, name) if e.mirrored.run == run]
        if all(each.waits(app.clock.now()) for each in left) or time.monotonic() >= ends:
            return left
        await pause(LOOK_EVERY)
