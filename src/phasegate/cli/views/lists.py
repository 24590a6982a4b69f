"""Runs, gates and claims, as tables."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from phasegate.core import visible
from phasegate.core.formatting import age, count
from phasegate.ledger import Claim, GateRecord, Run, RunStatus
from phasegate.team import Flow
from phasegate.tool_access.requests import ServerRequest

if TYPE_CHECKING:  # its package is loaded by none that lists gates
    from phasegate.authors.assistant import WorkItem

STYLES = {
    RunStatus.working: "",
    RunStatus.waiting: "wait",
    RunStatus.parked: "bad",
    RunStatus.released: "good",
    RunStatus.rejected: "quiet",
}


def runs_table(runs: Sequence[Run], now: datetime, *, attended: bool) -> Table:
    """Every run, with where it is and why."""
    table = _table("run", "started", "spec", "status", wide="status")
    for run in runs:
        status = Text(run.status.value, STYLES[run.status])
        idle = "nobody works on it" if run.status is RunStatus.working and not attended else ""
        note = idle or run.note.partition("\n")[0]
        if note:
            status.append(f": {note}", "quiet")
        table.add_row(run.id, Text(f"{age(run.started_at, now)} ago", "quiet"), PurePosixPath(run.spec).name, status)
    return table


def more(left: int, command: str) -> Text:
    """Say how many rows a list has left, and how they are shown."""
    every = command.partition(" --")[0]
    return Text(f"… and {left:,} more: '{command}', or '{every} --all'", "quiet")


def gates_table(rows: Sequence[tuple[GateRecord, str, str]], flow: Flow, now: datetime) -> Table:
    """Gates that wait, the oldest first, each with how many approvals it has where it takes several."""
    table = _table("gate", "what", "waits", "spec", wide="spec")
    for gate, spec, approvals in rows:
        name = ", ".join(filter(None, (flow.phase(gate.key.phase).gate.name, approvals)))
        table.add_row(str(gate.key), name, age(gate.opened_at, now), PurePosixPath(spec).name)
    return table


def work_table(items: "Sequence[WorkItem]", now: datetime) -> Table:
    """Orders that wait for an assistant, each with who holds it."""
    table = _table("order", "role", "what", "waits", "held by", wide="held by")
    for item in items:
        held = Text(f"{item.holder} until {item.held_until:%H:%M} UTC" if item.held_until else "nobody")
        table.add_row(item.id, item.role, f"{item.phase} {item.task}", age(item.opened_at, now), held)
    return table


def not_accepted(items: "Sequence[WorkItem]") -> Text:
    """Say why the last answer to each order was not accepted."""
    lines = [
        f"{item.id}: {count(item.rounds, 'answer')} not accepted. The last one:\n{_shown(item.problem)}"
        for item in items
        if item.problem
    ]
    return Text("\n".join(lines), "wait")


def _shown(text: str) -> str:
    return "\n".join(f"  {visible(line)}" for line in text.split("\n"))


def waiting_tools(found: Sequence[ServerRequest]) -> Text:
    """Servers whose tools wait for a manager, each with the command that answers it."""
    lines = [Text(f"{visible(wait.says)}\n→ {wait.fix}", "wait") for wait in found]
    return Text("\n").join(lines)


def _table(*columns: str, wide: str) -> Table:
    """Columns that keep their width, but for the wide one, which is cut where there is no room."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="quiet", pad_edge=False, expand=True)
    for column in columns:
        if column == wide:
            table.add_column(column, no_wrap=True, overflow="ellipsis", ratio=1)
        else:
            table.add_column(column, no_wrap=True, min_width=len(column))
    return table


def claims_table(claims: Sequence[Claim]) -> Table:
    """Each with whether it holds, and what was compared."""
    table = Table.grid(padding=(0, 1))
    for claim in claims:
        mark = Text("✓", "good") if claim.holds else Text("✗", "bad")
        table.add_row(mark, claim.text, Text(claim.detail, "quiet", overflow="fold"))
    return table
