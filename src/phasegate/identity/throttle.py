"""Throttle of sign-ins, which counts failures by name and address in this process's memory."""

from collections import OrderedDict, deque
from datetime import datetime, timedelta

from phasegate.core import Clock

WINDOW = timedelta(minutes=15)
LIMITS = {"pair": 5, "address": 20, "name": 50}
"""Failures within the window: of one name from one address, from one address, of one name."""
_REMEMBERED = 10_000
"""Keys at most; an attacker who makes up names must not fill the memory."""

Key = tuple[str, str, str]


class Throttle:
    """Says who has to wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: OrderedDict[Key, deque[datetime]] = OrderedDict()

    def wait(self, name: str, address: str) -> timedelta:
        """Return the time until another attempt is allowed, or zero."""
        now = self._clock.now()
        return max((self._wait(key, now) for key in _keys(name, address)), default=timedelta())

    def failed(self, name: str, address: str) -> None:
        """Counts a failure."""
        now = self._clock.now()
        for key in _keys(name, address):
            self._recent(key, now).append(now)
            self._failures.move_to_end(key)
        while len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forgets what that name did from that address."""
        self._failures.pop(("pair", name, address), None)

    def _wait(self, key: Key, now: datetime) -> timedelta:
        if key not in self._failures:
            return timedelta()
        recent, limit = self._recent(key, now), LIMITS[key[0]]
        return recent[-limit] + WINDOW - now if len(recent) >= limit else timedelta()

    def _recent(self, key: Key, now: datetime) -> deque[datetime]:
        times = self._failures.setdefault(key, deque(maxlen=LIMITS[key[0]]))
        while times and times[0] + WINDOW <= now:
            times.popleft()
        return times


def _keys(name: str, address: str) -> tuple[Key, ...]:
    return ("pair", name, address), ("address", "", address), ("name", name, "")
