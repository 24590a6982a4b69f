"""Follows a run by its events, and shows it: live in a terminal, line by line elsewhere."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner

from phasegate.app import App
from phasegate.cli.views.progress import progress_view, writing_line, writing_lines
from phasegate.core import Clock, one_line
from phasegate.core.formatting import duration
from phasegate.ledger import Entry, Event, GateRecord, GateStatus, Run, RunStatus
from phasegate.ledger.events import (
    DecisionTaken,
    Drafted,
    EffectDone,
    GateVoided,
    InPhase,
    Judgement,
    ModelCalled,
    PolicyRefused,
)
from phasegate.reports.progress import PhaseProgress, State, Step, progress
from phasegate.reports.spend import CallUnderWay, Spend, spent_by_run, under_way
from phasegate.reports.work import items_of, waits_for

POLL_SECONDS = 0.1
WRITING_SECONDS = 1.0
"""Time between two looks at what models write."""
TELL_SECONDS = 15.0
"""Time between two plain lines about the same reply."""


class Watcher(Protocol):
    """Is told what happened, as it happens."""

    def see(self, run: Run, phases: list[PhaseProgress], fresh: list[Entry]) -> None:
        """Takes the run's state, and the events since the last time."""

    def say(self, line: str) -> None:
        """Show a line once."""

    def write(self, calls: Sequence[CallUnderWay], spent: Spend) -> None:
        """Take the replies that models are writing, and what the run's model calls used so far."""


@dataclass(kw_only=True)
class Follower:
    """Reads one run's events until it stands."""

    app: App
    run_id: str
    seen: list[Entry] = field(default_factory=list)
    asked: frozenset[str] = frozenset()
    """Orders to assistants that the watcher was told of."""
    _looked: float = 0.0
    _writes: bool = False

    async def until_it_stands(self, watcher: Watcher) -> tuple[Run, GateRecord | None]:
        """Return when the run waits for a person (with the gate), is parked, or has ended."""
        phases = progress(self.app.flow, self.seen)
        while True:
            # The run first: what it says must not be newer than the events that led there.
            run = await self.app.ledger.run(self.run_id)
            fresh = await self.app.ledger.events(self.run_id, after=len(self.seen))
            if fresh:
                self.seen += fresh
                phases = progress(self.app.flow, self.seen)
            await self._writing(run, watcher)
            watcher.see(run, phases, fresh)
            gate = await self._waits_for_person(run)
            if gate or run.status.ended or run.status is RunStatus.parked:
                return run, gate
            if run.status is RunStatus.waiting:
                await self._orders(watcher)
            await asyncio.sleep(POLL_SECONDS)

    async def _writing(self, run: Run, watcher: Watcher) -> None:
        """Tell of the replies that models are writing, and once that there are none any more."""
        now = time.monotonic()
        # Events are looked for ten times a second; what a model writes changes every two.
        if now - self._looked < WRITING_SECONDS and run.status is RunStatus.working:
            return
        self._looked, database = now, self.app.database
        calls = await under_way(database, run.id) if run.status is RunStatus.working else ()
        if calls or self._writes:
            watcher.write(calls, (await spent_by_run(database, [run.id])).get(run.id, Spend()))
        # Told once more when there are none, so that the line about them does not stay.
        self._writes = bool(calls)

    async def _orders(self, watcher: Watcher) -> None:
        """Tell of the orders that wait for an assistant, each time that there are others."""
        orders = await items_of(self.app).listed(run=self.run_id)
        if orders and {order.id for order in orders} != self.asked:
            self.asked = frozenset(order.id for order in orders)
            watcher.say(f"run '{self.run_id}': {waits_for(orders)}; 'phasegate work list' shows how")

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
        self._writing: tuple[Sequence[CallUnderWay], Spend] = ((), Spend())

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def see(self, run: Run, phases: list[PhaseProgress], fresh: list[Entry]) -> None:
        """Redraws the picture."""
        self._live.update(self.picture(run, phases))

    def say(self, line: str) -> None:
        """Print a line above the picture."""
        self._live.console.print(line, style="wait", soft_wrap=True, markup=False)

    def write(self, calls: Sequence[CallUnderWay], spent: Spend) -> None:
        """Keep it for the next picture."""
        self._writing = calls, spent

    def picture(self, run: Run, phases: list[PhaseProgress]) -> RenderableType:
        """The run as it is now."""
        total = (self._clock.now() - run.started_at).total_seconds()
        view = progress_view(f"{run.spec}  run {run.id}", phases, total, self._elapsed, self._spinner)
        calls, spent = self._writing
        return Group(view, *writing_lines(calls, spent, self._clock.now())) if calls else view

    def _elapsed(self, phase: PhaseProgress, step: Step) -> float:
        """Since the step was first seen at work."""
        if step.state is not State.working:
            return 0.0
        now = time.monotonic()
        return now - self._seen.setdefault((phase.id, phase.attempt, phase.round, step.kind, step.name), now)


class Lines:
    """Plain lines, one for each thing that happened."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._console, self._clock = console, clock
        self._told: dict[tuple[object, ...], float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def see(self, run: Run, phases: list[PhaseProgress], fresh: list[Entry]) -> None:
        """Prints what is new."""
        for entry in fresh:
            for line in filter(None, _line(entry.event).split("\n")):
                if isinstance(entry.event, InPhase):
                    self._console.print(f"{entry.event.phase:<9} {line}", soft_wrap=True, markup=False)

    def write(self, calls: Sequence[CallUnderWay], spent: Spend) -> None:
        """Print a line for each new call, and now and then one about a call that goes on."""
        now = time.monotonic()
        for call in calls:
            key = (call.phase, call.role, call.what, call.begun_at)
            if now - self._told.get(key, -TELL_SECONDS) >= TELL_SECONDS:
                line = f"{call.phase:<9} {writing_line(call, self._clock.now())}; so far {spent.says}"
                self._told[key] = now
                self.say(line)

    def say(self, line: str) -> None:
        """Print a line."""
        self._console.print(line, soft_wrap=True, markup=False)


def so_far(phases: Sequence[PhaseProgress], events: Sequence[Entry]) -> str:
    """Summarize past decisions and events in one line."""
    decided = ", ".join(f"{phase.id} {phase.decision}" for phase in phases if phase.decision)
    return f"before: {decided or 'nothing decided'} ({len(events)} events; 'phasegate trace' and 'status' show them)"


def _line(event: Event) -> str:
    """Return what happened in a line, or in several, empty where nobody has to read it."""
    match event:
        case ModelCalled():
            return "\n".join(f"lint sent {event.role}'s answer back: {text}" for text in event.sent_back)
        case Drafted():
            return f"{event.author} wrote {event.item} ({duration(event.seconds)})"
        case Judgement():
            found = f"{len(event.findings)} finding(s)" if event.findings else event.saw or "nothing to object to"
            blocking = [f"  blocks: {one_line(each.message)}" for each in event.findings if each.blocking]
            return "\n".join([f"{event.kind} {event.name}: {found} ({duration(event.seconds)})", *blocking])
        case PolicyRefused():
            return f"policy '{event.policy}' does not pass this gate: {event.reason}"
        case DecisionTaken():
            return f"{event.decision} by {event.by}"
        case EffectDone():
            return f"{event.effect} done ({duration(event.seconds)})"
        case GateVoided():
            return f"the decision is void: {event.reason}"
        case _:
            return ""
