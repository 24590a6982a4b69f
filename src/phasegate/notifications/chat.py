"""Slack and Teams: gates, releases and failures, a message for each state."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from phasegate.app.config import SlackMirror
from phasegate.ledger import GateKey
from phasegate.ledger.events import Escalated, Reminded
from phasegate.notifications.channel import DeliveryUnknown, Gone, Telling
from phasegate.notifications.notification import SUBSCRIPTIONS, Kind
from phasegate.reports.gate_card import GateCard

# What shows in the channel, too, when it is told in the run's thread.
_ALOUD = frozenset(Kind) - {Kind.reminder, Kind.decided, Kind.void}
_SEVERITY = {
    Kind.gate: "warning",
    Kind.reminder: "warning",
    Kind.escalated: "warning",
    Kind.parked: "critical",
    Kind.lapsed: "critical",
    Kind.released: "good",
}
_LABELS = {
    Kind.gate: "To decide",
    Kind.reminder: "Reminder",
    Kind.escalated: "Urgent",
    Kind.parked: "Needs a person",
    Kind.lapsed: "Needs a person",
    Kind.released: "Done",
}
_FACTS = 10


class SlackChannel:
    """A Slack channel, with a thread for each run and cards that can be answered while their gate is open."""

    name = "slack"
    search_lag = timedelta(seconds=3)
    subscribes_to = SUBSCRIPTIONS[name]

    def __init__(self, config: SlackMirror) -> None:
        self._channel = config.channel

    async def tell(self, telling: Telling) -> Mapping[str, Any]:
        """Deliver the notification, as a new message where its thread or card is gone."""
        holds = dict(telling.holds)
        # A thread is of one channel: answers to it cannot go to another.
        if holds.get("channel", self._channel) != self._channel:
            telling.remarks.append(f"the channel is {self._channel} now: what is in {holds['channel']} stays as it is")
            holds = {}
        holds |= {"channel": self._channel}
        try:
            return await self._deliver(telling, holds)
        except Gone as error:
            if not (holds.get("thread") or holds.get("cards")):
                raise
            telling.remarks.append(str(error))
        gone = _of(telling.news.gate) if telling.news.gate else ""
        cards = {name: card for name, card in holds.get("cards", {}).items() if name != gone}
        return await self._deliver(telling, {**holds, "cards": cards, "thread": ""})

    async def _deliver(self, telling: Telling, holds: Mapping[str, Any]) -> Mapping[str, Any]:
        """Post or change a card, or post a message, and return the note to keep of it.

        Raises:
            Gone: the thread, the card or the channel is not there any more.
        """
        news, cards, thread = telling.news, dict(holds.get("cards", {})), str(holds.get("thread", ""))
        posted = ""
        if news.what is Kind.gate and news.gate:
            posted = await self._post_card(telling, news.gate, thread) or await self._find_card(telling, thread)
            cards |= {_of(news.gate): posted} if posted else {}
        elif news.what in (Kind.decided, Kind.void) and news.gate and _of(news.gate) in cards:
            if not telling.story.is_open(news.gate):  # one of several approvals leaves the card as it is
                await self._close_card(telling, news.gate, cards[_of(news.gate)])
        else:
            posted = await self._post_message(telling, thread)
        return {**holds, "cards": cards, "thread": thread or posted}

    async def _post_card(self, telling: Telling, gate: GateKey, thread: str) -> str:
        """Post the card of a gate that is still open, and return its timestamp, or an empty string."""
        if not telling.story.is_open(gate):
            return ""
        digest, card = telling.story.gates[gate].digest, await telling.story.card(gate)
        called = {"mention": telling.story.called(card.approvers), "thread": thread}
        shown = {**self._shown(card, gate), **called}
        made = await telling.call(self.name, "post_gate_card", key=telling.key, digest=digest, **shown)
        return str(made["message"]["timestamp"])

    async def _find_card(self, telling: Telling, thread: str) -> str:
        """Find the card of an earlier attempt whose answer was lost, and return its timestamp, or an empty string."""
        if not telling.again:
            return ""
        found = await telling.call(self.name, "find_message", key=telling.key, channel=self._channel, thread=thread)
        return str(found["message"]["timestamp"]) if found["found"] else ""

    async def _close_card(self, telling: Telling, gate: GateKey, timestamp: str) -> None:
        shown = self._shown(await telling.story.card(gate), gate)
        await telling.call(self.name, "update_gate_card", timestamp=timestamp, **shown)

    def _shown(self, card: GateCard, gate: GateKey) -> dict[str, Any]:
        return {
            "gate": str(gate),
            "title": card.title,
            "summary": card.summary,
            "facts": [{"title": title, "value": value} for title, value in card.facts[:_FACTS]],
            "link": card.link,
            "links": [{"title": title, "url": url} for title, url in card.links],
            "channel": self._channel,
        }

    async def _post_message(self, telling: Telling, thread: str) -> str:
        story, news = telling.story, telling.news
        said = {
            "text": "\n".join([story.headline(news), *filter(None, story.details(news)), story.where(news)]).strip(),
            "links": [{"title": title, "url": url} for title, url in await story.links()],
            "mention": story.called(news.event.to) if isinstance(news.event, Reminded | Escalated) else [],
            "broadcast": news.what in _ALOUD,
        }
        made = await telling.call(
            self.name, "post_run_message", key=telling.key, channel=self._channel, thread=thread, **said
        )
        return str(made["message"]["timestamp"])


class TeamsChannel:
    """A Teams channel, which takes cards and gives nothing back: what may have been posted is not posted again."""

    name = "teams"
    search_lag = timedelta(0)
    subscribes_to = SUBSCRIPTIONS[name]

    async def tell(self, telling: Telling) -> Mapping[str, Any]:
        """See `Place`."""
        story, news = telling.story, telling.news
        if news.what is Kind.gate and news.gate and not story.is_open(news.gate):
            return telling.holds  # its outcome is the next news
        if telling.again:
            raise DeliveryUnknown(
                f"'{story.headline(news)}' may or may not be in the channel; Teams cannot be read back"
            )
        card = await story.card(news.gate) if news.what is Kind.gate and news.gate else None
        link = story.link(news.gate)
        opens = link if link.startswith("https://") else ""
        details = [*story.details(news), "" if opens else story.where(news)]
        await telling.call(
            self.name,
            "post_card",
            key=telling.key,
            title=story.headline(news),
            label=_LABELS.get(news.what, ""),
            text="\n".join(filter(None, details)) or story.title,
            facts=[{"name": name, "value": value} for name, value in (card.facts if card else ())],
            link=opens,
            links=[{"title": title, "url": url} for title, url in await story.links() if url.startswith("https://")],
            severity=_SEVERITY.get(news.what, "info"),
        )
        return telling.holds


def _of(gate: GateKey) -> str:
    return f"{gate.phase}/{gate.attempt}"
