"""What a repository's configuration asks for: which places follow, and what else is looked at now and then."""

from collections.abc import Awaitable, Callable

from phasegate.app.app import App
from phasegate.app.config import Mirror
from phasegate.app.mirror.chat import SlackChannel, TeamsChannel
from phasegate.app.mirror.digests import Digests
from phasegate.app.mirror.following import Follower
from phasegate.app.mirror.hand import TicketWatch
from phasegate.app.mirror.pages import Pages
from phasegate.app.mirror.telling import Place
from phasegate.app.mirror.ticket import Ticket
from phasegate.tools.hands import Sessions


def follower_of(app: App, sessions: Sessions) -> Follower:
    """Follows all runs, for the places that are configured."""
    return Follower(app, sessions, places_of(app.config.mirror))


def places_of(config: Mirror) -> list[Place]:
    """The places that are configured."""
    found: list[Place] = []
    if config.jira:
        found.append(Ticket(config.jira))
    if config.confluence:
        found.append(Pages(config.confluence))
    if config.slack:
        found.append(SlackChannel(config.slack))
    if config.teams is not None:
        found.append(TeamsChannel())
    return found


def looks_of(app: App, follower: Follower) -> list[Callable[[], Awaitable[None]]]:
    """What is looked at besides: tickets that people changed, and the time of the digest."""
    config = app.config.mirror
    watch = [TicketWatch(app, follower, config.jira).look] if config.jira else []
    return [*watch, *([Digests(app, follower).look] if config.digest_at else [])]
