"""What a run made, and where it lies."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from phasegate.app.made import Made
from phasegate.cli.views.lists import STYLES
from phasegate.ledger import Run


def run_summary(run: Run, things: Sequence[Made], *, unreleasable: bool) -> RenderableType:
    """How the run stands, and everything that it made, under the phase that made it.

    Args:
        run: which.
        things: what it made.
        unreleasable: whether its policy marks what it passes so.
    """
    head = Text.assemble((run.status.value, STYLES[run.status]), (f"  branch {run.branch}", "quiet"))
    if run.note:
        head.append(f"\n{run.note}", "wait")
    if run.policy:
        marked = ": unreleasable" if unreleasable else ""
        head.append(f"\ngates are passed by the policy '{run.policy}', not by a person{marked}", "wait")
    table = Table.grid(padding=(0, 2))
    before = ""
    for thing in things:
        table.add_row(Text(thing.by if thing.by != before else "", "quiet"), Text(thing.path, overflow="fold"))
        before = thing.by
    return Group(head, table)
