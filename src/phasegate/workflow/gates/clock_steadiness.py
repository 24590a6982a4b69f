"""For how long the machine's clock has run evenly: what is recorded for good must not follow one that jumped."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

STEADY = timedelta(minutes=10)
"""How long a clock runs evenly before it is believed; shorter spans are believed after their own length."""
SLACK_SECONDS = 5.0
"""By how much a clock may be set between two looks without having jumped."""
APART_SECONDS = 60.0
"""By how much the clocks of two workers may differ."""


@dataclass(kw_only=True)
class Steadiness:
    """Compares the clock with one that cannot be set, and with those of other workers, from look to look.

    A laptop that was asleep looks like a clock that jumped. Both are believed again after a while, and meanwhile a
    decision at a gate that seems to have expired is refused: nothing is approved by a clock that is wrong.
    """

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    _since: float | None = None
    _drift: float = 0.0

    def look(self, apart: float = 0.0) -> timedelta:
        """Return for how long the clock has run evenly before this process's eyes.

        Args:
            apart: by how many seconds the clock of another worker that is at work differs from this one.
        """
        now = self.monotonic()
        drift = self.wall() - now
        if self._since is None or abs(drift - self._drift) > SLACK_SECONDS or abs(apart) > APART_SECONDS:
            self._since = now
        self._drift = drift
        return timedelta(seconds=now - self._since)


def is_believed(steady: timedelta, span: timedelta | None = None) -> bool:
    """Return whether a clock that was steady for so long can tell that a span is over."""
    return steady >= min(STEADY, span or STEADY)
