"""Channels, checks and grants that a repository's configuration asks for."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from phasegate.app.app import App
from phasegate.app.config import Mirror
from phasegate.ledger import Grants, Mirrors, Signer, ToolGrant
from phasegate.notifications.channel import NotificationChannel
from phasegate.notifications.chat import SlackChannel, TeamsChannel
from phasegate.notifications.confluence import Pages
from phasegate.notifications.delivery import Deliverer
from phasegate.notifications.digests import Digests
from phasegate.notifications.jira import Ticket
from phasegate.notifications.jira_changes import TicketWatch
from phasegate.tool_access.servers import Tools
from phasegate.tools.client import Sessions


def follower_of(app: App, sessions: Sessions) -> Deliverer:
    """Follows all runs, for the places that are configured."""
    return Deliverer(app, sessions, places_of(app.config.mirror))


def places_of(config: Mirror) -> list[NotificationChannel]:
    """The places that are configured."""
    found: list[NotificationChannel] = []
    if config.jira:
        found.append(Ticket(config.jira))
    if config.confluence:
        found.append(Pages(config.confluence))
    if config.slack:
        found.append(SlackChannel(config.slack))
    if config.teams is not None:
        found.append(TeamsChannel())
    return found


def looks_of(app: App, follower: Deliverer) -> list[Callable[[], Awaitable[None]]]:
    """Return the periodic checks: manual changes of tickets, and the time of the digest."""
    config = app.config.mirror
    watch = [TicketWatch(app, follower, config.jira).look] if config.jira else []
    return [*watch, *([Digests(app, follower).look] if config.digest_at else [])]


USUAL = timedelta(days=90)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A grant."""

    server: str
    writes: tuple[str, ...]
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def says(self) -> str:
        """`create_issue, create_exception, where project is OPS`."""
        bounds = " and ".join(f"{name} is {' or '.join(values)}" for name, values in self.only.items())
        return f"{', '.join(self.writes)}{f', where {bounds}' if bounds else ''}"


def wishes(config: Mirror) -> list[Wish]:
    """The grants without which the configured places cannot be told."""
    found: list[Wish] = []
    if config.jira:
        project, issues = (config.jira.project,), (f"{config.jira.project}-*",)
        found.append(Wish(server="jira", writes=("create_issue", "create_exception"), only={"project": project}))
        found.append(
            Wish(server="jira", writes=("add_comment", "transition_issue", "update_issue"), only={"issue": issues})
        )
        found.append(Wish(server="jira", writes=("link_issues",), only={"start": issues, "to": issues}))
    if config.confluence:
        found.append(Wish(server="confluence", writes=("publish_page",), only={"space": (config.confluence.space,)}))
    if config.slack:
        writes = ("post_gate_card", "update_gate_card", "post_run_message", "post_message")
        found.append(Wish(server="slack", writes=writes, only={"channel": (config.slack.channel,)}))
    if config.teams is not None:
        found.append(Wish(server="teams", writes=("post_card",)))
    return found


async def grant_all(
    app: App, sessions: Sessions, by: str, key: Signer, ends: datetime | None = None
) -> list[ToolGrant]:
    """Grant all of them, signed by the manager, and switch the channels on, by the rules of `Tools.grant`."""
    tools = Tools(app=app, sessions=sessions, grants=Grants(app.database, app.clock))
    last = ends or app.clock.now() + USUAL
    await Mirrors(app.database).switch_on(app.config.mirror.places, app.clock.now())
    return [
        await tools.grant(tools.server(wish.server), by, key, last, wish.writes, wish.only)
        for wish in wishes(app.config.mirror)
    ]
