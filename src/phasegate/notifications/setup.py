"""Channels and checks that a repository's configuration asks for."""

from collections.abc import Awaitable, Callable

from phasegate.app.app import App
from phasegate.app.config import Mirror
from phasegate.notifications.channel import NotificationChannel
from phasegate.notifications.chat import SlackChannel, TeamsChannel
from phasegate.notifications.confluence import Pages
from phasegate.notifications.delivery import Deliverer
from phasegate.notifications.digests import Digests
from phasegate.notifications.jira import Ticket
from phasegate.notifications.jira_changes import TicketWatch
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
