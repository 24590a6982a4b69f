"""A run as it goes: phases, and the steps of the one that is at work."""

from collections.abc import Callable, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from phasegate.core import visible
from phasegate.core.formatting import count, duration
from phasegate.reports.progress import PhaseProgress, State, Step
from phasegate.reports.spend import CallUnderWay, Spend

MARKS = {
    State.waiting: ("·", "quiet"),
    State.done: ("✓", "good"),
    State.objects: ("✗", "bad"),
    State.gate: ("◆", "wait"),
    State.rejected: ("✗", "bad"),
}


Elapsed = Callable[[PhaseProgress, Step], float]
"""For how many seconds a step has been at work."""


def progress_view(
    heading: str, phases: Sequence[PhaseProgress], total: float, elapsed: Elapsed, spinner: Spinner
) -> RenderableType:
    """The phases, with the steps of those that are at work."""
    table = _grid()
    for phase in phases:
        table.add_row(_mark(phase.state, spinner), Text(phase.id, "name"), _about(phase), _took(phase.seconds))
        if phase.state is State.working:
            for step in phase.steps:
                table.add_row("", *_step(step, elapsed(phase, step), spinner))
    head = Table.grid(expand=True)
    head.add_column(no_wrap=True, overflow="ellipsis")
    head.add_column(justify="right", no_wrap=True)
    head.add_row(Text(heading, "name"), Text(duration(total), "quiet"))
    return Group(head, table)


def status_view(heading: str, phases: Sequence[PhaseProgress]) -> RenderableType:
    """The phases as they are now, for a terminal or not."""
    table = _grid()
    still = Spinner("dots")
    still.frames, still.style = ["●"], "wait"
    for phase in phases:
        table.add_row(_mark(phase.state, still), Text(phase.id, "name"), _about(phase), _took(phase.seconds))
    return Group(Text(heading, "name"), table)


def _grid() -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(width=1)
    table.add_column(no_wrap=True, min_width=18)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column(justify="right", no_wrap=True)
    return table


def _step(step: Step, elapsed: float, spinner: Spinner) -> tuple[RenderableType, RenderableType, RenderableType]:
    name = Table.grid(padding=(0, 1))
    name.add_column(width=1)
    name.add_column(no_wrap=True)
    name.add_row(_mark(step.state, spinner), Text(step.name, "quiet" if step.state is State.waiting else ""))
    return name, Text(step_says(step), "quiet"), _took(step.seconds or elapsed)


def writing_line(call: CallUnderWay, now: datetime) -> str:
    """Return who writes with which model, how much so far and for how long."""
    length = f"{count(call.characters, 'character')}, {duration(call.seconds(now))}"
    return f"{call.role} {call.does} with {visible(call.model)}: {length}"


def writing_lines(calls: Sequence[CallUnderWay], spent: Spend, now: datetime) -> list[Text]:
    """Return a line for each reply that is being written, and one with what all calls used so far."""
    lines = [Text(f"… {writing_line(call, now)}", "quiet", no_wrap=True, overflow="ellipsis") for call in calls]
    return [*lines, Text(f"  so far {spent.says}", "quiet", no_wrap=True, overflow="ellipsis")]


def step_says(step: Step) -> str:
    """Return what it makes or saw, and how many findings it brought."""
    found = f"{step.findings} finding{'s' if step.findings != 1 else ''}" if step.findings else ""
    blocks = f" ({step.blocking} blocking)" if step.blocking else ""
    return "; ".join(part for part in (found + blocks, step.what) if part)


def _about(phase: PhaseProgress) -> Text:
    if phase.state is State.gate:
        return Text(f"{phase.gate}: waits for a decision", "wait")
    if phase.decision and phase.state is not State.working:
        return Text(f"{phase.title} — {phase.decision}", "quiet")
    again = f" (attempt {phase.attempt}, round {phase.round})" if phase.attempt > 1 or phase.round > 1 else ""
    return Text(phase.title + again, "quiet" if phase.state is State.waiting else "")


def _mark(state: State, spinner: Spinner) -> RenderableType:
    return spinner if state is State.working else Text(*MARKS[state])


def _took(seconds: float) -> Text:
    return Text(duration(seconds) if seconds else "", "quiet")
