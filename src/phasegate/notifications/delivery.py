"""Brings every place up to date with every run: each piece of news once, in order, and nothing lost."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from phasegate.app.app import App
from phasegate.core import PhasegateError, Unknown
from phasegate.ledger import Grants, Mirrored, Mirrors
from phasegate.ledger.events import DeliveryNoted, ToolCalled
from phasegate.notifications.channel import DeliveryUnknown, Never, NotificationChannel, Telling
from phasegate.notifications.channel_log import Notices
from phasegate.notifications.notification import News, news_of
from phasegate.notifications.run_summary import Story, story_of
from phasegate.reports.inbox import Inbox
from phasegate.team.servers import ENGINE
from phasegate.tools.client import Policy, Sessions, ToolClient
from phasegate.workflow.gates.tool_grants import standing_grants

AT_ONCE = 4
"""How many runs are told of at the same time."""
LONGEST = timedelta(minutes=15)
"""How long it is at most until a place that does not take something is tried again."""
_log = logging.getLogger("phasegate.mirror")


class Deliverer:
    """Follows all runs, for all places."""

    def __init__(self, app: App, sessions: Sessions, places: Sequence[NotificationChannel]) -> None:
        self._app = app
        self._places = places
        self._notices = Notices()
        self._mirrors = Mirrors(app.database)
        self._inbox = Inbox(keeper=app.keeper, cards=app.team.cards, database=app.database)
        self._sessions = sessions
        self._policy = Policy(servers=app.team.servers, now=app.clock.now)
        self._grants = partial(standing_grants, app.keeper, Grants(app.database, app.clock))
        # A thousand runs may be behind after an outage, and the services count calls.
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._began = app.clock.now()
        self._busy = defaultdict[tuple[str, str], asyncio.Lock](asyncio.Lock)

    async def step(self) -> None:
        """Tells every place what it has not been told yet, and is due."""
        await asyncio.gather(*(self._up_to_date(place) for place in self._places))

    def hands(self, run_id: str, label: str) -> ToolClient:
        """Return the engine's tool client, whose calls are events of the run or lines of the log."""
        record = partial(self._record, run_id, label)
        return ToolClient(role=ENGINE, policy=self._policy, sessions=self._sessions, grants=self._grants, record=record)

    def busy(self, place: str, run_id: str) -> asyncio.Lock:
        """Held while the place is told of the run: meanwhile nobody can tell what people did there from what we do."""
        return self._busy[place, run_id]

    async def _up_to_date(self, place: NotificationChannel) -> None:
        since = await self._mirrors.since(place.name)
        if since is None:
            await self._mirrors.switch_on([place.name], self._app.clock.now())
            return
        behind = await self._mirrors.behind(place.name, since, self._app.clock.now())
        await asyncio.gather(*(self._follow(place, mirrored) for mirrored in behind))

    async def _follow(self, place: NotificationChannel, mirrored: Mirrored) -> None:
        async with self._turns, self.busy(place.name, mirrored.run):
            try:
                await self._told(place, mirrored)
            except Exception as error:
                await self._later(mirrored, place, error, "our own failure; the worker's log says more")

    async def _told(self, place: NotificationChannel, mirrored: Mirrored) -> None:
        story = await story_of(self._app, self._inbox, mirrored.run)
        for news in news_of([event for event in story.events if event.seq > mirrored.seq]):
            if news.what in place.subscribes_to:
                mirrored = await self._tell(place, mirrored, story, news)
                # It was not delivered: what follows waits, for people read of events in their order.
                if mirrored.seq < news.entry.seq:
                    return
        # Also past events that are no news here, or each look would read all of them again.
        await self._mirrors.keep(replace(mirrored, seq=story.events[-1].seq))

    async def _tell(self, place: NotificationChannel, mirrored: Mirrored, story: Story, news: News) -> Mirrored:
        """Deliver one notification, and return the channel's new position with what is in the way."""
        label = f"mirror/{place.name}/{news.key}"
        start = await self._app.ledger.begin_effect(mirrored.run, label, [])
        if start.tried and self._app.clock.now() < self._began + place.search_lag:
            # A process before this one died there, and what it made may not be to be found yet.
            mirrored = replace(mirrored, due_at=self._began + place.search_lag)
            await self._mirrors.keep(mirrored)
            return mirrored
        hands = self.hands(mirrored.run, label)
        telling = Telling(story=story, news=news, hands=hands, holds=mirrored.holds, again=start.tried)
        return await self._tried(place, mirrored, telling, label)

    async def _tried(self, place: NotificationChannel, mirrored: Mirrored, telling: Telling, label: str) -> Mirrored:
        holds, noted = mirrored.holds, dict[str, str]()
        try:
            holds = await place.tell(telling)
        except DeliveryUnknown as error:
            noted = {"outcome": "unknown", "why": str(error)}
        except Never as error:
            noted = {"outcome": "never", "why": str(error)}
        except Unknown as error:
            # The effect stays begun: the next try looks for what this one may have made (decision 0014).
            return await self._later(mirrored, place, error, str(error))
        except PhasegateError as error:
            # Surely not done, so that the next try need not look for it.
            await self._app.ledger.effect_failed(mirrored.run, label)
            return await self._later(mirrored, place, error, f"{error}; {error.fix}" if error.fix else str(error))
        for text in (*telling.remarks, *filter(None, [noted.get("why")])):
            self._notices.left(place.name, mirrored.run, text)
        self._notices.worked(place.name, mirrored.run)
        told = replace(mirrored, seq=telling.news.entry.seq, tries=0, trouble="", holds=holds)
        event = DeliveryNoted.model_validate(
            {"channel": place.name, "news": telling.news.key, "left": telling.remarks, **noted}
        )
        await self._app.ledger.told(told, label, *([event] if noted or telling.remarks else []))
        return told

    async def _later(self, mirrored: Mirrored, place: NotificationChannel, error: Exception, trouble: str) -> Mirrored:
        self._notices.failed(place.name, mirrored.run, error)
        # Never sooner than what was made can be found, or a second try would make it again.
        wait = max(min(timedelta(seconds=2 ** min(mirrored.tries + 1, 10)), LONGEST), place.search_lag)
        due = self._app.clock.now() + wait
        later = replace(mirrored, tries=mirrored.tries + 1, due_at=due, trouble=trouble)
        await self._mirrors.keep(later)
        return later

    async def _record(self, run_id: str, label: str, called: ToolCalled) -> None:
        if not run_id:
            _log.info("%s: %s", called.tool, called.outcome, extra={"action": "tool", "label": label})
            return
        # What is refused often is one event.
        call = called.call if called.outcome == "answered" else called.outcome
        await self._app.ledger.record(run_id, called.model_copy(update={"scope": label, "call": call}))
