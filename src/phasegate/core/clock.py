"""The seam to time: nothing else asks the machine what time it is."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The current time, with its zone, in UTC."""


class SystemClock:
    """The machine's clock.

    No variable of the environment moves it, SOURCE_DATE_EPOCH included: build shells set that one, and a gate that
    expired would open again in them.
    """

    def now(self) -> datetime:
        """The current time in UTC."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is moved, as a double for tests."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        """The time that it was set to."""
        return self._now

    def move(self, to: datetime) -> None:
        """Sets it to another time."""
        self._now = to
