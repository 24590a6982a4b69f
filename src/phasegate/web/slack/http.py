"""`POST /slack/interactive`: clicks over HTTP, each proved by Slack's signature."""

import json
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.responses import Response

from phasegate.core import Refused
from phasegate.web.middleware import SIGNED
from phasegate.web.problems import Problem, problem_response
from phasegate.web.slack.handler import SlackApp

router = APIRouter()
_FORM = "application/x-www-form-urlencoded"


class _Unreadable(Exception):
    """A payload that Slack would not send."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


@router.post(SIGNED)
async def interactive(request: Request) -> Response:
    """Answer a click, and a repeated one as it was answered first."""
    desk: SlackApp | None = request.app.state.desk
    if desk is None or desk.verifier is None:
        return _problem(404, "unknown", "deciding from Slack over HTTP is not set up here")
    body = await request.body()
    try:
        known = desk.verifier.verified(body, request.headers)
    except Refused as refused:
        return _problem(401, refused.reason, str(refused))
    # Slack sends a click again where its answer was lost: it gets the same answer, and nothing is decided twice.
    if known.receipt is not None:
        return _answer(**json.loads(known.receipt))
    try:
        payload = _payload(body, request.headers.get("content-type", ""))
    except _Unreadable as error:
        return _problem(error.status, "invalid_request", error.detail)
    answered = await _dispatched(desk, payload)
    if answered["status"] < 500:  # else Slack's next try must find it undone
        desk.verifier.answered(known, json.dumps(answered))
    return _answer(**answered)


async def _dispatched(desk: SlackApp, payload: dict[str, Any]) -> dict[str, Any]:
    answer = await desk.dispatch(payload)
    return {"status": answer.status, "body": answer.body, "kind": answer.first_headers()["content-type"]}


def _payload(body: bytes, kind: str) -> dict[str, Any]:
    """The one payload of a form.

    Raises:
        _Unreadable: it is no form, has another field or a second payload, or the payload is no JSON object.
    """
    if kind.partition(";")[0].strip().lower() != _FORM:
        raise _Unreadable(415, f"Slack sends {_FORM}")
    try:
        fields = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=9
        )
    except ValueError:
        raise _Unreadable(400, "the body is no form") from None
    # With two payloads, this server and what is before it could each read another one.
    if [name for name, _ in fields] != ["payload"]:
        raise _Unreadable(400, "a click is one payload, and nothing besides")
    try:
        payload = json.loads(fields[0][1])
    except (ValueError, RecursionError):
        raise _Unreadable(400, "the payload is no JSON") from None
    if not isinstance(payload, dict):
        raise _Unreadable(400, "the payload is no JSON object")
    return payload


def _answer(status: int, body: str, kind: str) -> Response:
    return Response(body, status, {"content-type": kind})


def _problem(status: int, reason: str, detail: str) -> Response:
    return problem_response(Problem(status=status, reason=reason, detail=detail))
