"""Follows a run by its events, and shows it: live in a terminal, line by line elsewhere."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner

from phasegate.app import App
from phasegate.cli.views.progress import progress_view
from phasegate.core import Clock
from phasegate.core.formatting import duration
from phasegate.ledger import Event, GateRecord, GateStatus, Run, RunStatus
from phasegate.reports.progress import PhaseProgress, State, Step, progress

POLL_SECONDS = 0.1


class Watcher(Protocol):
    """Is told what happened, as it happens."""

    def see(self, run: Run, phases: list[PhaseProgress], fresh: list[Event]) -> None:
        """Takes the run's state, and the events since the last time."""
        ...


@dataclass(kw_only=True)
class Follower:
    """Reads one run's events until it stands."""

    app: App
    run_id: str
    seen: list[Event] = field(default_factory=list)

    async def until_it_stands(self, watcher: Watcher) -> tuple[Run, GateRecord | None]:
        """Returns when the run waits for a person (with the gate), is parked, or has ended."""
        phases = progress(self.app.flow, self.seen)
        while True:
            # The run first: what it says must not be newer than the events that led there.
            run = await self.app.ledger.run(self.run_id)
            fresh = await self.app.ledger.events(self.run_id, after=len(self.seen))
            if fresh:
                self.seen += fresh
                phases = progress(self.app.flow, self.seen)
            watcher.see(run, phases, fresh)
            gate = await self._waits_for_person(run)
            if gate or run.status.ended or run.status is RunStatus.parked:
                return run, gate
            await asyncio.sleep(POLL_SECONDS)

    async def _waits_for_person(self, run: Run) -> GateRecord | None:
        if run.status is not RunStatus.waiting:
            return None
        waiting = await self.app.ledger.gates(run.id, GateStatus.open)
        return waiting[-1] if waiting else None


class Screen:
    """A live view in a terminal, above which finished steps stay."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[tuple[str, int, int, str, str], float] = {}
        self._spinner = Spinner("dots", style="wait")
        self._live = Live(console=console, refresh_per_second=10, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def see(self, run: Run, phases: list[PhaseProgress], fresh: list[Event]) -> None:
        """Redraws the picture."""
        self._live.update(self.picture(run, phases))

    def picture(self, run: Run, phases: list[PhaseProgress]) -> RenderableType:
        """The run as it is now."""
        total = (self._clock.now() - run.started_at).total_seconds()
        return progress_view(f"{run.spec}  run {run.id}", phases, total, self._elapsed, self._spinner)

    def _elapsed(self, phase: PhaseProgress, step: Step) -> float:
        """Since the step was first seen at work."""
        if step.state is not State.working:
            return 0.0
        now = time.monotonic()
        return now - self._seen.setdefault((phase.id, phase.attempt, phase.round, step.kind, step.name), now)


class Lines:
    """Plain lines, one for each thing that happened."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def see(self, run: Run, phases: list[PhaseProgress], fresh: list[Event]) -> None:
        """Prints what is new."""
        for event in fresh:
            for line in _lines(event):
                self._console.print(line, soft_wrap=True, markup=False)


def so_far(phases: Sequence[PhaseProgress], events: Sequence[Event]) -> str:
    """Summarize past decisions and events in one line."""
    decided = ", ".join(f"{phase.id} {phase.decision}" for phase in phases if phase.decision)
    return f"before: {decided or 'nothing decided'} ({len(events)} events; 'phasegate trace' and 'status' show them)"


def _lines(event: Event) -> Iterator[str]:
    phase, body = event.place[0], event.body
    took = f" ({duration(float(body['s']))})" if "s" in body else ""
    match event.kind:
        case "draft":
            yield f"{phase:<9} {body['by']} wrote {event.place[-1]}{took}"
        case "check" | "review":
            found = len(body.get("findings", []))
            verdict = f"{found} finding(s)" if found else "; ".join(body.get("evidence", [])) or "nothing to object to"
            yield f"{phase:<9} {event.kind} {event.place[-1]}: {verdict}{took}"
        case "policy":
            yield f"{phase:<9} policy '{body['policy']}' does not pass this gate: {body['refused']}"
        case "decision":
            yield f"{phase:<9} {body['decision']} by {body['by']}"
        case "effect":
            yield f"{phase:<9} {event.place[-1]} done{took}"
        case "void":
            yield f"{phase:<9} the decision is void: {body['reason']}"
