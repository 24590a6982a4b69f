"""Bolt: which clicks there are. Messages, mentions and commands are none: no listener hears them."""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from slack_bolt.async_app import AsyncApp, AsyncBoltContext
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from phasegate.core import InvalidInput, PhasegateError
from phasegate.ledger import DecisionKind
from phasegate.tools.servers.slack.cards import APPROVE, CHANGES, OPEN, REJECT
from phasegate.web.slack.handler import Answer, Door
from phasegate.web.slack.payloads import Click

_log = logging.getLogger("phasegate.slack")
_bolt_log = logging.getLogger("phasegate.slack.bolt")
_READERS = {"block_actions": Click.pressed, "view_submission": Click.submitted}


def listening(door: Door) -> AsyncApp:
    """Return bolt with our listeners, for requests whose signature was verified before."""
    _bolt_log.setLevel(logging.CRITICAL)  # its warnings quote whole requests, with the addresses that answers go to
    bolt = AsyncApp(
        name="slack-clicks",  # bolt makes loggers of this name, and sets their levels
        logger=_bolt_log,
        authorize=partial(_authorize, door),
        # The answer to Slack says how the click came out, so that it is decided before (decision 0012).
        process_before_response=True,
        raise_error_for_unhandled_request=True,
        # Verified before a payload comes here; by socket mode there is no signature.
        request_verification_enabled=False,
        ssl_check_enabled=False,
        url_verification_enabled=False,
        attaching_function_token_enabled=False,
    )
    bolt.error(_failed)
    bolt.block_action(APPROVE)(_pressed(partial(door.decide, kind=DecisionKind.approve)))
    bolt.block_action(CHANGES)(_pressed(door.ask))
    bolt.block_action(REJECT)(_pressed(door.ask))
    bolt.block_action(re.compile(rf"{OPEN}(-[0-9]+)?"))(_pressed(_opened))
    bolt.view_submission(CHANGES)(_submitted(partial(door.decide, kind=DecisionKind.request_changes)))
    bolt.view_submission(REJECT)(_submitted(partial(door.decide, kind=DecisionKind.reject)))
    return bolt


async def dispatch(bolt: AsyncApp, payload: Mapping[str, Any]) -> BoltResponse:
    """Answer a payload, and refuse one that is no readable click before bolt sees it."""
    reader = _READERS.get(str(payload.get("type")))
    if reader is None:
        return BoltResponse(status=404, body={"reason": "unknown"})
    try:
        click = reader(payload)
    except InvalidInput as error:
        return BoltResponse(status=422, body={"reason": "invalid_request", "detail": str(error)})
    # No header goes along: Slack signs none, and bolt would follow some. The mode says that the payload was read.
    request = AsyncBoltRequest(body=dict(payload), mode="socket_mode", context={"click": click})
    return await bolt.async_dispatch(request)


async def _authorize(
    door: Door, enterprise_id: str | None, team_id: str | None, user_id: str | None
) -> AuthorizeResult:
    """Our own token, whoever clicks: from where they may is asked at the door."""
    myself = await door.slack.myself()
    return AuthorizeResult(
        enterprise_id=enterprise_id,
        team_id=team_id,
        bot_token=door.slack.environment.token,
        bot_id=myself.bot_id,
        bot_user_id=myself.user_id,
    )


def _pressed(act: Callable[[Click], Awaitable[Answer]]) -> Callable[[AsyncBoltContext], Awaitable[BoltResponse]]:
    async def pressed(context: AsyncBoltContext) -> BoltResponse:
        answer = await act(context["click"])
        return BoltResponse(status=answer.status, body=dict(answer.body) or "")

    return pressed


def _submitted(act: Callable[[Click], Awaitable[Answer]]) -> Callable[[AsyncBoltContext], Awaitable[BoltResponse]]:
    async def submitted(context: AsyncBoltContext) -> BoltResponse:
        answer = await act(context["click"])
        # A view stays open until it is told to close.
        done = {"response_action": "clear"} if answer.status == 200 else dict(answer.body)
        return BoltResponse(status=answer.status, body=done)

    return submitted


async def _opened(_: Click) -> Answer:
    """Acknowledge Slack's news that a link was followed."""
    return Answer()


async def _failed(error: Exception) -> BoltResponse:
    if isinstance(error, BoltUnhandledRequestError):
        return BoltResponse(status=404, body={"reason": "unknown"})
    known = isinstance(error, PhasegateError)
    _log.error(
        "a click could not be answered: %s", error, exc_info=not known and error, extra={"action": "slack-failed"}
    )
    return BoltResponse(status=500, body={"reason": "failed"})
