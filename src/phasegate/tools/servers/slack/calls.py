"""Errors of calls to Slack, by their codes.

The library's own handlers of retries stay off: one sends a post again whose connection broke, another sleeps for hours.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from slack_sdk.errors import SlackApiError

from phasegate.core import Missing, PhasegateError, Refused
from phasegate.tools.errors import Absent, Invalid
from phasegate.tools.servers.http_calls import LATER, Calls, NoAnswer, rate_limited

T = TypeVar("T")

_CREDENTIALS = {
    "account_inactive", "invalid_auth", "not_authed", "org_login_required", "token_expired", "token_revoked",
}  # fmt: skip
_ABSENT = {
    "message_not_found", "thread_not_found", "user_not_found", "user_not_visible", "users_not_found",
}  # fmt: skip
_CLOSED = {
    "cannot_reply_to_message": "post outside of this thread",
    "edit_window_closed": "post a new message: the workspace does not let old ones be edited",
    "is_archived": "choose a channel that is not archived",
    "restricted_action_thread_locked": "post outside of this thread",
}
"""What is there, and takes nothing any more."""
_REFUSED = {
    "access_denied": "ask an administrator of the workspace",
    "cant_update_message": "only what this bot posted can be updated",
    "channel_is_limited_access": "ask who may post there",
    "ekm_access_denied": "ask an administrator of the workspace",
    "channel_not_found": "check the id; a private channel shows only once the bot is invited: /invite @its-name",
    "not_allowed_token_type": "set SLACK_BOT_TOKEN to a bot's token (xoxb-…)",
    "not_in_channel": "invite the bot to the channel: /invite @its-name",
    "restricted_action": "ask an administrator of the workspace",
    "restricted_action_read_only_channel": "choose a channel that is not read-only",
    "team_access_not_granted": "ask an administrator of the workspace",
}
_MISFIT = re.compile("invalid_(?!auth)|no_text|msg_|too_many_|metadata_|block|markdown_")
"""Codes for content that Slack never takes; what other codes say may be mended in Slack."""
_UNCLEAR = {"fatal_error", "internal_error", "request_timeout", "service_unavailable"}
"""Slack says of these that some of what was asked may have happened."""


@dataclass(frozen=True, kw_only=True)
class SlackCalls(Calls):
    """Calls to Slack, whose errors have codes."""

    def _sent(self, what: str, send: Callable[[], T]) -> T:
        try:
            return super()._sent(what, send)
        except SlackApiError as error:
            raise _told(what, error) from None


def _told(what: str, error: SlackApiError) -> PhasegateError:
    status = getattr(error.response, "status_code", 200)
    answer = getattr(error.response, "data", None)
    data: Mapping[str, Any] = answer if isinstance(answer, dict) else {}
    code = str(data.get("error", ""))
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return rate_limited("Slack", _plain(getattr(error.response, "headers", {})))
    if status >= 500 or code in _UNCLEAR or not re.fullmatch(r"[a-z_]{1,80}", code):
        return NoAnswer(f"Slack failed ({code if code in _UNCLEAR else status})", fix=LATER)
    return _refusal(what, code, data)


def _refusal(what: str, code: str, data: Mapping[str, Any]) -> PhasegateError:
    if code in _CREDENTIALS:
        fix = "set SLACK_BOT_TOKEN to a valid token, it may have expired, and start the server again"
        return Missing(f"Slack does not accept the token ({code})", fix=fix)
    if code == "missing_scope":
        needed = re.sub(r"[^a-z:.,_]", "", str(data.get("needed", "")))[:100]
        fix = f"add the scope {needed} to the app, and install it again"
        return Refused(f"the bot may not {what}: it lacks the scope {needed}", reason="forbidden", fix=fix)
    if code in _ABSENT:
        return Absent(f"cannot {what}: {code}", fix="check the id; the bot may not see it, if it was not invited")
    if code in _CLOSED:
        return Refused(f"cannot {what}: {code}", reason="archived", fix=_CLOSED[code])
    if code in _REFUSED:
        return Refused(f"cannot {what}: {code}", reason="forbidden", fix=_REFUSED[code])
    refused = Invalid if _MISFIT.match(code) else PhasegateError
    return refused(f"Slack refuses to {what}: {code}{_details(data)}", fix="mend what it names")


def _details(data: Mapping[str, Any]) -> str:
    """Return the details of Slack's error, for instance of blocks."""
    more = data.get("response_metadata")
    messages = more.get("messages") if isinstance(more, dict) else None
    return f" ({'; '.join(map(str, messages))[:300]})" if isinstance(messages, list) and messages else ""


def _plain(headers: Mapping[str, str | Sequence[str]]) -> dict[str, str]:
    """Return headers with one value each, where the library gives lists."""
    return {name: value if isinstance(value, str) else "".join(value[:1]) for name, value in headers.items()}
