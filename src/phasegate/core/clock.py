"""The seam to time: nothing else asks the machine what time it is."""

import os
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The current time, with its zone, in UTC."""
        ...


class SystemClock:
    """The machine's clock; SOURCE_DATE_EPOCH, in seconds since 1970, stops it as it does for other build tools."""

    def now(self) -> datetime:
        """The current time in UTC."""
        stopped = os.environ.get("SOURCE_DATE_EPOCH")
        return datetime.fromtimestamp(float(stopped) if stopped else time.time(), UTC)


class FixedClock:
    """A clock that stands still until it is moved; the double for tests."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        """The time that it was set to."""
        return self._now

    def move(self, to: datetime) -> None:
        """Sets it to another time."""
        self._now = to
