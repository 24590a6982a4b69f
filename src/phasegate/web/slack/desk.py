"""The parts that answer Slack, made once by the server where it is set up."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from phasegate.tools.slack.requests import Verifier
from phasegate.web.parts import Parts
from phasegate.web.slack.door import Door

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp


@dataclass(frozen=True, kw_only=True)
class Desk:
    """One for each server: HTTP and socket mode lead to the same door."""

    door: Door
    bolt: "AsyncApp"
    verifier: Verifier | None
    """Of requests over HTTP; None: they are not taken, as there is no signing secret."""


def desk_of(parts: Parts) -> Desk | None:
    """The desk, or None where Slack is not set up."""
    if parts.slack is None:
        return None
    from phasegate.web.slack.listeners import listening  # it loads bolt, which a server without Slack needs not

    door, secret = Door(parts=parts, slack=parts.slack), parts.slack.environment.secret
    verifier = Verifier(secret, parts.app.clock) if secret else None
    return Desk(door=door, bolt=listening(door), verifier=verifier)
