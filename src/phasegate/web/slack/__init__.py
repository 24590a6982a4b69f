"""Deciding from Slack: what comes in by a click, whom it comes from, and what is answered.

http, socket    a request that Slack signed, or that came by the connection that we opened
listeners       bolt: which clicks there are
payloads        what a click says
handler         who it is, and on to `web.decisions`, the one place that decides
replies         what the person and the card are told afterwards
slack_client    all that is asked of Slack, and sent to it
"""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily

if TYPE_CHECKING:
    from phasegate.web.slack.handler import Door as Door
    from phasegate.web.slack.payloads import Click as Click
    from phasegate.web.slack.slack_client import AsyncSlackClient as AsyncSlackClient
    from phasegate.web.slack.slack_client import Environment as Environment


__getattr__ = lazily(__name__, __file__)
