"""The day's digest for the channels: what waits, what ended, what stands."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from phasegate.app.app import App
from phasegate.core import PhasegateError, Unknown
from phasegate.core.formatting import age, count
from phasegate.ledger import Mirrored, Mirrors, Run, RunStatus
from phasegate.ledger.events import RunEnded
from phasegate.notifications.channel import called
from phasegate.notifications.delivery import Deliverer
from phasegate.reports.inbox import Inbox, OpenGate

_SHOWN = 20
_log = logging.getLogger("phasegate.mirror")


class Digests:
    """Sends one a day to Slack and Teams, where they are configured."""

    def __init__(self, app: App, follower: Deliverer) -> None:
        self._app = app
        self._follower = follower
        self._mirrors = Mirrors(app.database)

    async def look(self) -> None:
        """Sends today's, if its time has come and it was not sent."""
        config, now = self._app.config.mirror, self._app.clock.now()
        local = now.astimezone(config.zone)
        if local.strftime("%H:%M") < config.digest_at:
            return
        day = local.date().isoformat()
        for place in (name for name in ("slack", "teams") if name in config.places):
            row = await self._mirrors.find("", f"{place}/digest")
            if row.holds.get("day") != day:
                await self._once(row, place, day, await digest_of(self._app, now))

    async def _once(self, row: Mirrored, place: str, day: str, text: str) -> None:
        """Send the digest once: noted before it is sent, since Teams cannot be asked afterwards."""
        await self._mirrors.keep(replace(row, holds={"day": day}))
        try:
            await self._send(place, day, text)
        except PhasegateError as error:
            if not isinstance(error, Unknown):
                await self._mirrors.keep(row)
            _log.warning("the digest of %s: %s", day, error, extra={"action": "digest"})

    async def _send(self, place: str, day: str, text: str) -> None:
        name, config = self._app.config.project.name, self._app.config.mirror
        key, title = f"{name}/digest/{day}", f"{name}: {day}"
        hands = self._follower.hands("", "digest")
        if place == "slack" and config.slack:
            channel = config.slack.channel
            await called(hands, place, "post_message", key=key, text=f"{title}\n{text}", channel=channel)
        else:
            link = config.link if config.link.startswith("https://") else ""
            await called(hands, place, "post_card", key=key, title=title, text=text, link=link)


async def digest_of(app: App, now: datetime) -> str:
    """The text: gates that wait, runs that ended within a day, runs that stand."""
    waiting, total = await Inbox(keeper=app.keeper, cards=app.team.cards, database=app.database).waiting(limit=_SHOWN)
    runs = await app.ledger.runs()
    ended = [run for run in runs if run.status.ended and await _ended_at(app, run) >= now - timedelta(days=1)]
    lines = [
        f"Waiting for a decision: {count(total, 'gate')}." if total else "No gate waits.",
        *_waits(waiting, now, app.config.mirror.link.rstrip("/")),
        *([f"· and {total - len(waiting)} more"] if total > len(waiting) else []),
        *([f"All: {app.config.mirror.link.rstrip('/')}/"] if app.config.mirror.link else []),
        *_named("released since yesterday", [run for run in ended if run.status is RunStatus.released]),
        *_named("rejected since yesterday", [run for run in ended if run.status is RunStatus.rejected]),
        *_named("standing, waiting for a person", [run for run in runs if run.status is RunStatus.parked]),
    ]
    return "\n".join(lines)


def _waits(rows: Sequence[OpenGate], now: datetime, link: str) -> list[str]:
    return [
        f"· {row.subject.title}: {row.phase.gate.name}, {age(row.gate.opened_at, now)}{_until(row, now)}"
        f"{f' {link}/gates/{row.gate.key}' if link else ''}"
        for row in rows
    ]


def _until(row: OpenGate, now: datetime) -> str:
    return f", {age(now, row.expires_at)} left" if row.expires_at else ""


def _named(what: str, runs: Sequence[Run]) -> list[str]:
    return (
        [f"{count(len(runs), 'run')} {what}: {', '.join(run.spec.rpartition('/')[2] for run in runs)}"] if runs else []
    )


async def _ended_at(app: App, run: Run) -> datetime:
    ended = [entry.at for entry in await app.ledger.events(run.id) if isinstance(entry.event, RunEnded)]
    return ended[-1] if ended else run.started_at
