"""Slack as tools: messages once for a key, threads, channels, people, and the signature of requests."""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily

if TYPE_CHECKING:
    from phasegate.tools.servers.slack.cards import ANSWER as ANSWER
    from phasegate.tools.servers.slack.cards import APPROVE as APPROVE
    from phasegate.tools.servers.slack.cards import CHANGES as CHANGES
    from phasegate.tools.servers.slack.cards import OPEN as OPEN
    from phasegate.tools.servers.slack.cards import REJECT as REJECT
    from phasegate.tools.servers.slack.cards import Card as Card
    from phasegate.tools.servers.slack.cards import asking as asking
    from phasegate.tools.servers.slack.cards import remark_view as remark_view
    from phasegate.tools.servers.slack.cards import value_of as value_of
    from phasegate.tools.servers.slack.client import SlackClient as SlackClient
    from phasegate.tools.servers.slack.server import serving as serving
    from phasegate.tools.servers.slack.wire import Myself as Myself


__getattr__ = lazily(__name__, __file__)
