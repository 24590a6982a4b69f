"""The parts that answer Slack, made once by the server where it is set up."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from phasegate.tools.servers.slack.requests import Verifier
from phasegate.web.context import Context
from phasegate.web.slack.handler import Door

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_bolt.response import BoltResponse


@dataclass(frozen=True, kw_only=True)
class SlackApp:
    """The server's Slack parts, shared by HTTP and socket mode."""

    door: Door
    bolt: "AsyncApp"
    dispatch: Callable[[Mapping[str, Any]], Awaitable["BoltResponse"]]
    """Answers a payload of which it is proved that Slack sent it."""
    verifier: Verifier | None
    """Of requests over HTTP; None: they are not taken, as there is no signing secret."""


def desk_of(context: Context) -> SlackApp | None:
    """The desk, or None where Slack is not set up."""
    if context.slack is None:
        return None
    from phasegate.web.slack.listeners import dispatch, listening  # they load bolt, which no other server needs

    door, secret = Door(context=context, slack=context.slack), context.slack.environment.secret
    verifier = Verifier(secret, context.app.clock) if secret else None
    bolt = listening(door)
    return SlackApp(door=door, bolt=bolt, dispatch=partial(dispatch, bolt), verifier=verifier)
