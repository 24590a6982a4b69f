"""What Slack does about clicks: the payloads that it sends, signed as it signs them, and the views that it shows.

Payloads, views and answers have the shapes that Slack publishes (slack.schema.json).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from slack_sdk.signature import SignatureVerifier

from services.shapes import Shapes

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TEAM = "T1"
ANSWERS, ANSWERS_FOR = 5, timedelta(minutes=30)
"""How often a response_url can be used, and for how long."""
TRIGGERS_FOR = timedelta(seconds=3)
"""How long a trigger can be exchanged."""


def form(payload: dict[str, Any]) -> bytes:
    """A payload as the body of a request."""
    return urlencode({"payload": json.dumps(payload)}).encode()


def signed(body: bytes, at: datetime, *, off_s: int = 0, secret: str = SECRET, retry: str = "") -> dict[str, str]:
    """Headers of a request, signed by slack-sdk's own generator."""
    timestamp = str(int(at.timestamp()) + off_s)
    again = {"X-Slack-Retry-Num": retry, "X-Slack-Retry-Reason": "http_timeout"} if retry else {}
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": str(SignatureVerifier(secret).generate_signature(timestamp=timestamp, body=body)),
        **again,
    }


@dataclass(kw_only=True)
class View:
    """A view that is shown to somebody."""

    id: str
    user: str
    given: dict[str, Any]


class Unknown(Exception):
    """A trigger that nobody gave out, or that was used: Slack's code."""


@dataclass(kw_only=True)
class Clicks:
    """Clicks in one workspace."""

    shapes: Shapes
    address: str = ""
    """Where response_urls lead; set by who runs the service."""
    told: list[dict[str, Any]] = field(default_factory=list)
    """Bodies that response_urls got."""
    views: list[View] = field(default_factory=list)
    triggers: dict[str, str] = field(default_factory=dict)
    """User by trigger that was not used yet."""
    used: dict[str, int] = field(default_factory=dict)
    """By response_url, how often."""
    now: Callable[[], datetime] = lambda: datetime(2026, 11, 23, 9, tzinfo=UTC)
    """The service's clock."""
    made: dict[str, datetime] = field(default_factory=dict)
    """When each trigger and response_url was given out."""
    _numbers: Any = field(default_factory=lambda: count(1))

    def clear(self) -> None:
        """Nobody has clicked yet."""
        for kept in (self.told, self.views, self.triggers, self.used, self.made):
            kept.clear()

    def serve(self, app: FastAPI) -> None:
        """Takes what is sent to response_urls."""
        app.add_api_route("/response/{name}", self._answered, methods=["POST"])

    def button(
        self,
        user: str,
        action: str,
        value: str,
        *,
        message: str = "",
        channel: str = "C0OPS",
        team: str = TEAM,
    ) -> dict[str, Any]:
        """The payload of a button that somebody pressed."""
        number = next(self._numbers)
        trigger = f"{number}.{number}.aa"
        self.triggers[trigger] = user
        self.made |= {trigger: self.now(), str(number): self.now()}
        payload: dict[str, Any] = {
            "type": "block_actions",
            "user": {"id": user, "username": user.lower(), "name": user.lower(), "team_id": team},
            "api_app_id": "A1",
            "token": "legacy",
            "container": {
                "type": "message",
                "message_ts": message or "1763888400.000001",
                "channel_id": channel,
                "is_ephemeral": False,
            },
            "trigger_id": trigger,
            "team": {"id": team, "domain": "team"},
            "enterprise": None,
            "is_enterprise_install": False,
            "channel": {"id": channel, "name": "ops"},
            "response_url": f"{self.address}/response/{number}",
            "actions": [
                {
                    "type": "button",
                    "action_id": action,
                    "block_id": "b1",
                    "text": {"type": "plain_text", "text": action, "emoji": False},
                    "value": value,
                    "action_ts": f"1763888400.{number:06d}",
                }
            ],
        }
        self.shapes.check("block_actions", payload)
        return payload

    def sent_off(
        self, text: str | None, *, user: str = "", team: str = TEAM, filled: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The payload of the view that was opened last, filled in and sent off; `filled` by block is else."""
        number, view = next(self._numbers), self.views[-1]
        field_of = {
            block["block_id"]: block["element"]["action_id"] for block in view.given["blocks"] if "element" in block
        }
        who = user or view.user
        payload: dict[str, Any] = {
            "type": "view_submission",
            "team": {"id": team, "domain": "team"},
            "user": {"id": who, "username": who.lower(), "name": who.lower(), "team_id": team},
            "api_app_id": "A1",
            "token": "legacy",
            "trigger_id": f"{number}.{number}.bb",
            "view": {
                **self._shown(view),
                "state": {
                    "values": {
                        block: {name: {"type": "plain_text_input", "value": (filled or {}).get(block, text)}}
                        for block, name in field_of.items()
                    }
                },
            },
            "response_urls": [],
            "is_enterprise_install": False,
            "enterprise": None,
        }
        self.shapes.check("view_submission", payload)
        return payload

    def open(self, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Answers views.open.

        Raises:
            Unknown: there is no such trigger.
        """
        trigger = given.get("trigger_id", "")
        user = self.triggers.pop(trigger, "")
        if not user:
            raise Unknown("exchanged_trigger_id")
        if self.now() - self.made.get(trigger, self.now()) > TRIGGERS_FOR:
            raise Unknown("expired_trigger_id")
        self.shapes.check("view_given", given["view"])
        self.views.append(View(id=f"V{len(self.views) + 1}", user=user, given=given["view"]))
        return "view", {"view": self._shown(self.views[-1])}

    def _shown(self, view: View) -> dict[str, Any]:
        known = {
            "id": view.id,
            "team_id": TEAM,
            "hash": "1.a",
            "root_view_id": view.id,
            "app_id": "A1",
            "bot_id": "B0BOT",
        }
        return {**view.given, **known, "previous_view_id": None, "state": {"values": {}}}

    async def _answered(self, name: str, request: Request) -> Response:
        body = json.loads(await request.body())
        self.shapes.check("answer_to_a_click", body)
        self.used[name] = self.used.get(name, 0) + 1
        if self.used[name] > ANSWERS:
            return Response(json.dumps({"ok": False, "error": "used_url"}), 404)
        if self.now() - self.made.get(name, self.now()) > ANSWERS_FOR:
            return Response(json.dumps({"ok": False, "error": "expired_url"}), 404)
        self.told.append(body)
        return PlainTextResponse("ok")
