"""Slack and Teams: gates, releases and failures, a message for each state."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from phasegate.app.config import SlackMirror
from phasegate.app.mirror.news import HEEDS, What
from phasegate.app.mirror.telling import Telling, Unseen
from phasegate.ledger import GateKey

_IN_THREAD = (What.reminder, What.escalated)
_SEVERITY = {
    What.gate: "warning",
    What.reminder: "warning",
    What.escalated: "warning",
    What.parked: "critical",
    What.lapsed: "critical",
    What.released: "good",
}


class SlackChannel:
    """A Slack channel: the card of a gate can be answered there, and shows afterwards what came of it."""

    name = "slack"
    settles = timedelta(seconds=3)
    heeds = HEEDS[name]

    def __init__(self, config: SlackMirror) -> None:
        self._channel = config.channel

    async def tell(self, telling: Telling) -> Mapping[str, Any]:
        """See `Place`."""
        news, cards = telling.news, dict(telling.holds.get("cards", {}))
        card = cards.get(_of(news.gate)) if news.gate else None
        match news.what:
            case What.gate if news.gate:
                known = await self._asked(telling, news.gate) or await self._left(telling)
                cards |= {_of(news.gate): known} if known else {}
            case What.decided | What.void if card and news.gate:
                if not telling.story.is_open(news.gate):  # one of several approvals leaves the card as it is
                    await self._closed(telling, news.gate, card)
            case _:
                await self._said(telling, card if news.what in _IN_THREAD else None)
        return {**telling.holds, "cards": cards}

    async def _asked(self, telling: Telling, gate: GateKey) -> str:
        """The card of an open gate; none where it was decided before it could be told: its outcome is the next news."""
        if not telling.story.is_open(gate):
            return ""
        digest = telling.story.gates[gate].digest
        shown = await self._shown(telling, gate)
        made = await telling.call(self.name, "post_gate_card", key=telling.key, digest=digest, **shown)
        return str(made["message"]["timestamp"])

    async def _left(self, telling: Telling) -> str:
        """The card that an attempt of which nobody knows left there: its buttons go once the gate is decided."""
        if not telling.again:
            return ""
        found = await telling.call(self.name, "find_message", key=telling.key, channel=self._channel)
        return str(found["message"]["timestamp"]) if found["found"] else ""

    async def _closed(self, telling: Telling, gate: GateKey, card: str) -> None:
        shown = await self._shown(telling, gate)
        await telling.call(self.name, "update_gate_card", timestamp=card, **shown)

    async def _shown(self, telling: Telling, gate: GateKey) -> dict[str, Any]:
        card = await telling.story.card(gate)
        return {
            "gate": str(gate),
            "title": card.title,
            "summary": card.summary,
            "facts": [{"title": title, "value": value} for title, value in card.facts],
            "link": card.link,
            "channel": self._channel,
        }

    async def _said(self, telling: Telling, card: str | None) -> None:
        story, news = telling.story, telling.news
        text = "\n".join([story.headline(news), *filter(None, story.details(news))])
        await telling.call(
            self.name, "post_message", key=telling.key, text=text, channel=self._channel, thread=card or ""
        )


class TeamsChannel:
    """A Teams channel, which takes cards and gives nothing back: what may have been posted is not posted again."""

    name = "teams"
    settles = timedelta(0)
    heeds = HEEDS[name]

    async def tell(self, telling: Telling) -> Mapping[str, Any]:
        """See `Place`."""
        story, news = telling.story, telling.news
        if news.what is What.gate and news.gate and not story.is_open(news.gate):
            return telling.holds  # its outcome is the next news
        if telling.again:
            raise Unseen(f"'{story.headline(news)}' may or may not be in the channel; Teams cannot be read back")
        card = await story.card(news.gate) if news.what is What.gate and news.gate else None
        link = story.link(news.gate)
        await telling.call(
            self.name,
            "post_card",
            key=telling.key,
            title=story.headline(news),
            text="\n".join(filter(None, story.details(news))) or story.title,
            facts=[{"name": name, "value": value} for name, value in (card.facts if card else ())],
            link=link if link.startswith("https://") else "",
            severity=_SEVERITY.get(news.what, "info"),
        )
        return telling.holds


def _of(gate: GateKey) -> str:
    return f"{gate.phase}/{gate.attempt}"
