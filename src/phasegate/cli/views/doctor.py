"""Renderer of check results."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from phasegate.doctor import CheckResult, State

_MARKS = {State.ok: ("✓", "good"), State.skipped: ("–", "quiet"), State.trouble: ("✗", "bad")}
_WIDEST = 24
"""Of the names; what a check says has the rest of the line."""


def show(console: Console, found: Sequence[CheckResult]) -> None:
    """Shows all of them, each with what to do, and how many are in trouble."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(max_width=_WIDEST, overflow="fold")
    table.add_column(overflow="fold")
    for said in found:
        mark, style = _MARKS[said.state]
        table.add_row(Text(mark, style=style), Text(said.name, style="name"), _words(said))
    console.print(table)
    counts = Counter(said.state for said in found)
    troubled = counts[State.trouble]
    ended = f"{troubled} in trouble" if troubled else "nothing in trouble"
    style = "bad" if troubled else "good"
    console.print(Text(f"{counts[State.ok]} ok, {counts[State.skipped]} skipped, {ended}", style=style))


def _words(said: CheckResult) -> Text:
    text = Text(said.says, style="quiet" if said.state is State.skipped else "")
    return text.append(f"\n→ {said.fix}", style="") if said.fix else text
