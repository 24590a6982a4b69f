"""HTTP calls to services: how they fail, how long they wait, and the label of what was made for a key.

    read    asked again when no usable answer came
    write   never asked again blindly: when its answer was lost, what it should have made is looked for

The client libraries' own retries stay off: jira's send a POST again whose connection broke, and none knows a bound.
"""

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from http.client import HTTPException
from typing import TypeVar

import httpx
from pydantic import BaseModel, ConfigDict
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_attempt,
    wait_fixed,
)

from phasegate.core import Exhausted, Missing, PhasegateError, Refused, Unknown
from phasegate.tools.errors import Absent, Invalid, RateLimited

T = TypeVar("T")

MARK = re.compile(r"phasegate-[0-9a-f]{16}")
_LONGEST = 300
"""Characters of a service's own message in an error."""


def idempotency_label(key: str) -> str:
    """Return the label of an idempotency key: 64 bits of its SHA-256, which fit a label and a query."""
    return f"phasegate-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def quoted(text: str) -> str:
    """Return a text as a string of JQL or CQL, from which nothing escapes."""
    plain = re.sub(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+", " ", text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """Waiting times and numbers of attempts of one client."""

    answer_s: float = 30.0
    """For the answer to one request."""
    waits_s: float = 60.0
    """In all, when the service asks to slow down."""
    tries: int = 3
    """Attempts at a read, and at finding what a lost write made."""
    pause_s: float = 1.0
    """Between attempts."""
    sleep: Callable[[float], None] = time.sleep

    def slowed(self, send: Callable[[], T]) -> T:
        """Make a request, again after each `RateLimited`, until the waits would exceed `waits_s`."""
        return Retrying(
            retry=retry_if_exception_type(RateLimited),
            wait=_wait_asked_for,
            stop=lambda state: state.idle_for + state.upcoming_sleep > self.waits_s,
            sleep=self.sleep,
            reraise=True,
        )(send)

    def repeated(self, send: Callable[[], T]) -> T:
        """Make a request, again where no usable answer came."""
        return Retrying(
            retry=retry_if_exception_type(NoAnswer),
            wait=wait_fixed(self.pause_s),
            stop=stop_after_attempt(self.tries),
            sleep=self.sleep,
            reraise=True,
        )(send)

    def looked_for(self, look: Callable[[], T | None]) -> T | None:
        """Return what `look` finds, or None after the last attempt. A service needs a moment to show a new thing."""
        # Before the first look: an index that does not show the new thing yet would have it made again.
        self.sleep(self.pause_s)
        return Retrying(
            retry=retry_if_result(lambda found: found is None) | retry_if_exception_type((NoAnswer, Exhausted)),
            wait=wait_fixed(self.pause_s),
            stop=stop_after_attempt(self.tries),
            sleep=self.sleep,
            retry_error_callback=lambda _: None,
        )(look)


class ServiceModel(BaseModel):
    """A part of a service's answer, without fields that nobody here reads."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class BadAnswer(Exception):
    """The service answered with a status of 4xx or 5xx."""

    def __init__(self, status: int, headers: Mapping[str, str], text: str) -> None:
        super().__init__(status)
        self.status, self.headers = status, headers
        self.text = " ".join(text.split())[:_LONGEST]


class NoAnswer(PhasegateError):
    """No usable answer came: 5xx, too late, torn, or no connection."""


@dataclass(frozen=True, kw_only=True)
class Calls:
    """Calls to one service."""

    service: str
    credentials: str
    """Variables that hold them, for messages."""
    patience: RetryPolicy

    def read(self, what: str, send: Callable[[], T]) -> T:
        """Return the answer to a question.

        Raises:
            PhasegateError: There is none; the message says why, the fix what to do.
        """
        return self.patience.repeated(lambda: self.once(what, send))

    def write(self, what: str, send: Callable[[], T], look: Callable[[], T | None]) -> T:
        """Return the answer to a write, or what `look` finds of it when the answer was lost.

        Raises:
            PhasegateError: It was refused; or nothing is known of it, and the message says so.
        """
        try:
            return self.once(what, send)
        except NoAnswer as lost:
            found = self.patience.looked_for(look)
            if found is None:
                fix = "read it back in a minute; a call with the same arguments does not do it twice"
                # Neither done nor not done: a caller that took it for either would do it twice or never.
                raise Unknown(f"{lost}: to {what} may or may not have happened", fix=fix) from lost
            return found

    def once(self, what: str, send: Callable[[], T]) -> T:
        """Make one request, waiting as long as the service asks for, within bounds.

        Raises:
            NoAnswer: No usable answer came.
            PhasegateError: The service answered with an error.
        """
        return self.patience.slowed(partial(self._sent, what, send))

    def _sent(self, what: str, send: Callable[[], T]) -> T:
        try:
            return send()
        except BadAnswer as bad:
            raise self._error(what, bad) from bad
        except UNREADABLE as error:
            cause = getattr(error, "reason", None)  # urllib hides the error of the connection in it
            kind = type(cause if isinstance(cause, Exception) else error).__name__
            raise NoAnswer(f"{self.service} gave no readable answer ({kind})", fix=LATER) from error

    def _error(self, what: str, bad: BadAnswer) -> PhasegateError:
        said = f": {bad.text}" if bad.text else ""
        if bad.status == 429:
            return rate_limited(self.service, bad.headers)
        if bad.status == 401:
            fix = f"set {self.credentials} to valid credentials, a token may have expired, and start the server again"
            return Missing(f"{self.service} does not accept the credentials (401)", fix=fix)
        if bad.status == 403:
            fix = "ask an administrator for the permission"
            return Refused(f"the account may not {what}{said}", reason="forbidden", fix=fix)
        if bad.status in (404, 410):
            return Absent(f"cannot {what}: not found{said}", fix="check the name; the account may not see it")
        if bad.status == 409:
            return Refused(f"cannot {what}: changed meanwhile{said}", reason="conflict", fix="read it again")
        if bad.status >= 500:
            return NoAnswer(f"{self.service} failed ({bad.status})", fix=LATER)
        return Invalid(f"{self.service} refuses to {what} ({bad.status}){said}", fix="mend what it names")


LATER = "call again later"
UNREADABLE = (httpx.HTTPError, HTTPException, OSError, ValueError, LookupError, TypeError, AttributeError)
"""Errors by which the client libraries meet a torn answer, one of another shape, or none."""


def rate_limited(service: str, headers: Mapping[str, str], undone: str = "it was not done") -> RateLimited:
    """Return the error for an answer that asks to slow down."""
    pause = retry_after(headers, datetime.now(UTC))
    says = f"{service} asks to wait {pause:.0f} s before the next call"
    return RateLimited(says, retry_after=pause, fix=f"call again after that; {undone}")


def retry_after(headers: Mapping[str, str], now: datetime) -> float:
    """Return the seconds that an answer asks to wait, at least one, and five without a number or date."""
    said = next((value.strip() for name, value in headers.items() if name.lower() == "retry-after"), "")
    if re.fullmatch("[0-9]{1,9}", said):
        return max(1.0, float(said))
    try:
        return max(1.0, (parsedate_to_datetime(said).astimezone(UTC) - now).total_seconds())
    except (ValueError, OverflowError):  # no date, or one beyond what a zone can be applied to
        return 5.0


def _wait_asked_for(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return error.retry_after if isinstance(error, RateLimited) else 0.0
