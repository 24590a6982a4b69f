"""What services have in common: how calls fail, how long they wait, and the mark of what was made for a key.

    read    asked again when no usable answer came
    write   never asked again blindly: when its answer was lost, what it should have made is looked for

The client libraries' own retries stay off: jira's send a POST again whose connection broke, and neither knows a bound.
"""

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from requests import RequestException

from phasegate.core import Exhausted, Missing, PhasegateError, Refused, Unknown
from phasegate.tools.errors import Absent, Invalid, RateLimited

T = TypeVar("T")

MARK = re.compile(r"phasegate-[0-9a-f]{16}")
_LONGEST = 300
"""How many characters of a service's own message an error shows."""


def mark_of(key: str) -> str:
    """The label that stands for an idempotency key: 64 bits of its SHA-256, which fit a label and a query."""
    return f"phasegate-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def quoted(text: str) -> str:
    """A text as a string of JQL or CQL; whatever is in it stays inside."""
    plain = re.sub(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+", " ", text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a tool waits, and how often it tries."""

    answer_s: float = 30.0
    """For the answer to one request."""
    waits_s: float = 60.0
    """In all, when the service asks to slow down."""
    tries: int = 3
    """How often a read is asked, and a lost write looked for."""
    pause_s: float = 1.0
    """Between tries."""
    sleep: Callable[[float], None] = time.sleep


class BadAnswer(Exception):
    """The service answered with a status of 4xx or 5xx."""

    def __init__(self, status: int, headers: Mapping[str, str], text: str) -> None:
        super().__init__(status)
        self.status, self.headers = status, headers
        self.text = " ".join(text.split())[:_LONGEST]


class Unclear(PhasegateError):
    """No usable answer came: 5xx, too late, torn, or no connection."""


@dataclass(frozen=True, kw_only=True)
class Calls:
    """Makes calls to one service."""

    service: str
    credentials: str
    """The variables that hold them, for messages."""
    patience: Patience

    def read(self, what: str, send: Callable[[], T]) -> T:
        """The answer to a question.

        Raises:
            PhasegateError: there is none; the message says why, the fix what to do.
        """
        for _ in range(self.patience.tries - 1):
            try:
                return self.once(what, send)
            except Unclear:
                self.patience.sleep(self.patience.pause_s)
        return self.once(what, send)

    def write(self, what: str, send: Callable[[], T], look: Callable[[], T | None]) -> T:
        """The answer to a write, or what `look` finds of it when the answer was lost.

        Raises:
            PhasegateError: it was refused; or nothing is known of it, and the message says so.
        """
        try:
            return self.once(what, send)
        except Unclear as lost:
            found = self._looked_for(look)
            if found is None:
                fix = "read it back in a minute; a call with the same arguments does not do it twice"
                raise Unknown(f"{lost}: to {what} may or may not have happened", fix=fix) from lost
            return found

    def once(self, what: str, send: Callable[[], T]) -> T:
        """One request, waiting as long as the service asks for, within bounds.

        Raises:
            Unclear: no usable answer came.
            PhasegateError: the service answered with an error.
        """
        left = self.patience.waits_s
        while True:
            try:
                return send()
            except BadAnswer as bad:
                if bad.status != 429:
                    raise self._error(what, bad) from bad
                pause = _retry_after(bad.headers, datetime.now(UTC))
                if pause > left:
                    says = f"{self.service} asks to wait {pause:.0f} s before the next call"
                    raise RateLimited(says, retry_after=pause, fix="call again after that; it was not done") from bad
                left -= max(pause, 0.1)
                self.patience.sleep(pause)
            except (RequestException, ValueError, KeyError, TypeError) as error:
                kind = type(error).__name__
                raise Unclear(f"{self.service} gave no readable answer ({kind})", fix=_LATER) from error

    def _looked_for(self, look: Callable[[], T | None]) -> T | None:
        for _ in range(self.patience.tries):
            self.patience.sleep(self.patience.pause_s)
            try:
                found = look()
            except (Unclear, Exhausted):
                continue
            if found is not None:
                return found
        return None

    def _error(self, what: str, bad: BadAnswer) -> PhasegateError:
        said = f": {bad.text}" if bad.text else ""
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
            return Unclear(f"{self.service} failed ({bad.status})", fix=_LATER)
        return Invalid(f"{self.service} refuses to {what} ({bad.status}){said}", fix="mend what it names")


_LATER = "call again later"


def _retry_after(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds to wait, from a number or a date; five when the service does not say."""
    said = headers.get("Retry-After", "")
    if said.strip().isdigit():
        return float(said)
    try:
        return max(0.0, (parsedate_to_datetime(said).astimezone(UTC) - now).total_seconds())
    except ValueError:
        return 5.0
