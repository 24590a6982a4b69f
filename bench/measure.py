"""Times of pairs: what is compared runs turn by turn, so that a busy machine slows both."""

import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

Step = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    what: str
    measured: str
    against: str
    ratio: float
    bar: float
    unit: str = "×"

    @property
    def holds(self) -> bool:
        """Whether the bar is met."""
        return self.ratio <= self.bar


@dataclass(frozen=True)
class Pairs:
    """Seconds of what is measured, and of what it is held against, of each turn."""

    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def ratio(self) -> float:
        """The median of the turns' ratios."""
        return statistics.median(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    def row(self, what: str, bar: float) -> Row:
        """A line of the table."""
        measured, against = (f"{statistics.median(times) * 1000:.0f} ms" for times in (self.ours, self.theirs))
        return Row(what=what, measured=measured, against=against, ratio=self.ratio, bar=bar)


Clock = Callable[[], float]


async def pairs(ours: Step, theirs: Step, turns: int, warm: int = 2, clock: Clock = time.perf_counter) -> Pairs:
    """Runs both turn by turn, each under a name of its own; the first `warm` turns do not count.

    What is loaded is kept out of the collector's sight, as a worker does.
    """
    gc.collect()
    gc.freeze()
    steps = [(f"b{turn}", f"o{turn}") for turn in range(warm + turns)]
    times = [(await _seconds(theirs, b, clock), await _seconds(ours, o, clock)) for b, o in steps]
    return Pairs([mine for _, mine in times[warm:]], [other for other, _ in times[warm:]])


async def _seconds(step: Step, name: str, clock: Clock) -> float:
    began = clock()
    await step(name)
    return clock() - began
