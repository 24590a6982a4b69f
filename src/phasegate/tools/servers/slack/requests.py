"""Signatures of Slack's requests, and recognition of repeated ones.

verifier = Verifier(signing_secret, clock)
request = verifier.verified(body, headers)      # raises Refused: answer 401
if request.receipt is None:                     # not answered yet, whether it came before or not
    ...                                         # decide
    verifier.answered(request, receipt)         # only now: what failed half-way is done again by Slack's retry
answer with request.receipt, or with the new one

A request is known by its body: Slack gives every event and click an id in there, so a second click is another body,
while a replay and a retry (signed anew, with X-Slack-Retry-Num) are the same. Receipts are kept in memory, for an hour,
up to a number: a server that was started again, or a second one beside it, knows none of them, and of two requests at
the same moment neither has a receipt yet. So what decides must itself hold against doing it twice; this only spares it
the question and gives the same answer.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from slack_sdk.signature import Clock as SlackClock
from slack_sdk.signature import SignatureVerifier

from phasegate.core import Clock, Missing, Refused, SystemClock, digest

WINDOW_S = 300
"""How far a request's time may be off, either way; slack-sdk's own number, held by a test."""
_KEPT_S = 3600.0
"""A replay passes for twice the window at most; Slack's last retry comes after some six minutes."""


@dataclass(frozen=True, kw_only=True)
class SlackRequest:
    """A request whose signature holds."""

    identity: str
    """The digest of its body."""
    receipt: str | None
    """What it was answered with when it came before."""
    retry: int
    """X-Slack-Retry-Num, 0 for the first time. It is not signed: for logs, never for a decision."""


class Verifier:
    """Verifier of requests by the app's signing secret, for any number of threads."""

    def __init__(self, signing_secret: str, clock: Clock | None = None, most: int = 10_000) -> None:
        if not signing_secret.strip():
            raise Missing("the signing secret of the Slack app is not set", fix="set SLACK_SIGNING_SECRET")
        self._clock = clock or SystemClock()
        self._signatures = SignatureVerifier(signing_secret.strip(), _Seconds(self._clock))
        self._most, self._lock = most, Lock()
        self._receipts: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def verified(self, body: bytes, headers: Mapping[str, str]) -> SlackRequest:
        """A request, when Slack signed it within the last five minutes.

        Raises:
            Refused: it did not (`signature`), or at another time (`stale`).
        """
        given = {name.lower(): value for name, value in headers.items()}
        timestamp, signature = given.get("x-slack-request-timestamp", ""), given.get("x-slack-signature", "")
        # The library makes a number of it, and raises an error of its own for anything else.
        if not re.fullmatch("[0-9]{1,12}", timestamp):
            raise Refused("the request does not say when Slack sent it", reason="signature", fix=_FIX)
        if abs(self._now() - int(timestamp)) > WINDOW_S:
            raise Refused(f"the request was signed more than {WINDOW_S} s away from now", reason="stale", fix=_CLOCK)
        if not re.fullmatch("v0=[0-9a-f]{64}", signature) or not self._holds(body, timestamp, signature):
            raise Refused("the request was not signed with our signing secret", reason="signature", fix=_FIX)
        identity, retry = digest(body), given.get("x-slack-retry-num", "")
        number = int(retry) if re.fullmatch("[0-9]{1,4}", retry) else 0
        return SlackRequest(identity=identity, receipt=self._receipt(identity), retry=number)

    def answered(self, request: SlackRequest, receipt: str) -> None:
        """Keep the first answer to a request."""
        with self._lock:
            self._forget()
            # The first answer stays: Slack showed it to the person, whatever a second try came to.
            self._receipts.setdefault(request.identity, (self._now(), receipt))
            while len(self._receipts) > self._most:
                self._receipts.popitem(last=False)

    def _receipt(self, identity: str) -> str | None:
        with self._lock:
            self._forget()
            kept = self._receipts.get(identity)
        return kept[1] if kept else None

    def _forget(self) -> None:
        """Drop old answers, the oldest first. A clock set back drops nothing early."""
        before = self._now() - _KEPT_S
        while self._receipts and next(iter(self._receipts.values()))[0] < before:
            self._receipts.popitem(last=False)

    def _holds(self, body: bytes, timestamp: str, signature: str) -> bool:
        try:
            return self._signatures.is_valid(body, timestamp, signature)
        except UnicodeDecodeError:  # the library signs text; Slack sends no other bodies
            return False

    def _now(self) -> float:
        return self._clock.now().timestamp()


_FIX = "check that SLACK_SIGNING_SECRET is the app's, and that nothing on the way changes the body"
_CLOCK = "check this machine's clock; an old request is never taken again"


class _Seconds(SlackClock):
    """Our clock, for the library."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock.now().timestamp()
