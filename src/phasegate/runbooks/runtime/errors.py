"""Errors: what people meet, and how failed calls are counted.

    RunbookError      1  something failed
    ├── WrongUse      2  usage error
    ├── Incomplete    3  the scan could not look everywhere
    ├── Prerequisite  4  credentials or a package are missing
    ├── Refused       5  the approval or the guard says no; nothing was changed
    ├── Unfinished    6  a change failed, or could not be verified
    └── Found         7  there is a finding that was asked to fail on

The number is the exit code of the command.
"""

import threading
from dataclasses import dataclass
from typing import Any


class RunbookError(Exception):
    """Something failed."""

    exit_code = 1


class WrongUse(RunbookError):
    """Usage error: a word of the command is wrong."""

    exit_code = 2


class Incomplete(RunbookError):
    """The scan could not look everywhere."""

    exit_code = 3


class Prerequisite(RunbookError):
    """Credentials or a package are missing."""

    exit_code = 4


class Refused(RunbookError):
    """Refusal by the approval or the guard, before anything was changed."""

    exit_code = 5

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Unfinished(RunbookError):
    """A change failed, or could not be verified."""

    exit_code = 6


class Found(RunbookError):
    """There is a finding that was asked to fail on."""

    exit_code = 7


class Unanswered(Exception):
    """Failed call, counted already, that leaves unknown what depends on it."""


@dataclass(frozen=True, kw_only=True)
class CallError:
    """Calls of one kind that failed alike in one account and region."""

    account: str
    region: str
    call: str
    code: str
    message: str
    """Message of the first."""
    count: int


class CallErrors:
    """Counts failed calls by account, region, call and code, and notes what is left out on purpose or is gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left_out: dict[str, str] = {}
        self._gone: dict[str, int] = {}
        self._seen: dict[tuple[str, str, str, str], tuple[str, int]] = {}

    def count(self, account: str, region: str, call: str, error: Exception) -> str:
        """Count an error, and return a sentence that says what failed."""
        code = code_of(error)
        with self._lock:
            message, seen = self._seen.get((account, region, call, code), (str(error), 0))
            self._seen[account, region, call, code] = (message, seen + 1)
        return f"{call} failed: {code}"

    def leave_out(self, account: str, reason: str) -> None:
        """Record an account that is not scanned, which is no error."""
        with self._lock:
            self._left_out[account] = reason

    def count_gone(self, call: str) -> None:
        """Count a call about something that is there no more, which is no error."""
        with self._lock:
            self._gone[call] = self._gone.get(call, 0) + 1

    @property
    def gone(self) -> dict[str, int]:
        """Number of rows that were gone when they were asked about, by call."""
        with self._lock:
            return dict(sorted(self._gone.items()))

    @property
    def left_out(self) -> dict[str, str]:
        """Accounts that are left out, with the reason."""
        with self._lock:
            return dict(sorted(self._left_out.items()))

    @property
    def total(self) -> int:
        """Number of errors counted."""
        with self._lock:
            return sum(seen for _, seen in self._seen.values())

    def all(self) -> list[CallError]:
        """All kinds, sorted."""
        with self._lock:
            seen = sorted(self._seen.items())
        return [
            CallError(account=account, region=region, call=call, code=code, message=message, count=count)
            for (account, region, call, code), (message, count) in seen
        ]


def code_of(error: Any) -> str:
    """AWS's code of the error, or the name of botocore's own."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or type(error).__name__)


def same_code(code: str, wanted: str) -> bool:
    """Return whether two codes are the same, since services differ in adding `Exception`, `Error` or `Fault`."""
    return _bare(code) == _bare(wanted)


def _bare(code: str) -> str:
    name = code.rsplit(".", 1)[-1]
    for ending in ("Exception", "Error", "Fault"):
        name = name.removesuffix(ending)
    return name
