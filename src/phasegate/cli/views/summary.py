"""Renderer of a run's outputs."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from phasegate.cli.views.gate import hands
from phasegate.cli.views.lists import STYLES
from phasegate.core import visible
from phasegate.ledger import Run
from phasegate.reports.artifacts import Output
from phasegate.reports.external_links import ExternalLink, ManualChange


def run_summary(
    run: Run, things: Sequence[Output], elsewhere: Sequence[RenderableType] = (), *, unreleasable: bool
) -> RenderableType:
    """Render the run's status, and its outputs under the phases that made them.

    Args:
        run: which.
        things: what it made.
        elsewhere: where it is told of, and what people did there.
        unreleasable: whether its policy marks what it passes so.
    """
    head = Text.assemble((run.status.value, STYLES[run.status]), (f"  branch {run.branch}", "quiet"))
    if run.policy:
        marked = ": unreleasable" if unreleasable else ""
        head.append(f"\ngates are passed by the policy '{run.policy}', not by a person{marked}", "wait")
    table = Table.grid(padding=(0, 2))
    before = ""
    for thing in things:
        table.add_row(Text(thing.by if thing.by != before else "", "quiet"), Text(thing.path, overflow="fold"))
        before = thing.by
    return Group(head, table, *elsewhere)


def elsewhere(places: Sequence[ExternalLink], by_hand: Sequence[ManualChange]) -> list[RenderableType]:
    """A run's life outside."""
    rows = [
        Text.assemble((f"{e.place}  ", "quiet"), (visible(e.says), "wait" if e.trouble else ""), f"  {e.url}")
        for e in places
    ]
    return [
        *([Text("Outside", "name"), *rows] if rows else []),
        *([Text("By hand", "name"), hands(by_hand)] if by_hand else []),
    ]
