"""A run's way through its phases, as the measures of a drawing."""

from collections.abc import Sequence
from dataclasses import dataclass

from phasegate.reports.progress import PhaseProgress, State

WIDTH, HEIGHT, STEP = 132, 44, 196
TOP, LEFT = 44, 12
_SAYS = {
    State.waiting: "not begun",
    State.working: "at work",
    State.done: "done",
    State.objects: "objected to",
    State.gate: "waits for a decision",
    State.rejected: "rejected",
}


@dataclass(frozen=True, kw_only=True)
class Stop:
    """A phase with its gate."""

    phase: PhaseProgress
    x: int
    says: str
    """Where it is, in words."""
    again: str
    """How often it was worked over; empty where it was not."""
    gate: str
    """The gate's own state: `ahead`, `asks`, `passed` or `rejected`."""

    @property
    def middle(self) -> int:
        """Horizontal middle of the box."""
        return self.x + WIDTH // 2

    @property
    def diamond(self) -> int:
        """The middle of its gate."""
        return self.x + WIDTH + (STEP - WIDTH) // 2


@dataclass(frozen=True, kw_only=True)
class Picture:
    """The whole drawing."""

    stops: tuple[Stop, ...]
    width: int
    height: int
    top: int = TOP
    box: tuple[int, int] = (WIDTH, HEIGHT)

    @property
    def middle(self) -> int:
        """Vertical middle of the boxes."""
        return self.top + HEIGHT // 2

    @property
    def says(self) -> str:
        """The picture for who cannot see it."""
        return "; ".join(f"{stop.phase.title}: {_whole(stop)}" for stop in self.stops)


def draw(phases: Sequence[PhaseProgress]) -> Picture:
    """The way through these phases."""
    stops = tuple(_stop(phase, LEFT + number * STEP) for number, phase in enumerate(phases))
    return Picture(stops=stops, width=LEFT + len(stops) * STEP + LEFT, height=TOP + HEIGHT + 34)


def _stop(phase: PhaseProgress, x: int) -> Stop:
    counts = {"attempt": phase.attempt, "round": phase.round}
    again = ", ".join(f"{word} {number}" for word, number in counts.items() if number > 1)
    return Stop(phase=phase, x=x, says=_SAYS[phase.state], again=again, gate=_gate(phase))


def _gate(phase: PhaseProgress) -> str:
    if phase.state is State.gate:
        return "asks"
    if phase.state is State.rejected:
        return "rejected"
    return "passed" if phase.decision and not phase.decision.startswith("sent back") else "ahead"


def _whole(stop: Stop) -> str:
    return ", ".join(part for part in (stop.says, stop.again, stop.phase.decision) if part)
