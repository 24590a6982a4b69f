"""Renderer of the demonstration's result."""

import os
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from phasegate.cli.console import command
from phasegate.core.formatting import money
from phasegate.demo.repository import Result
from phasegate.ledger import Run


def result_view(result: Result) -> RenderableType:
    """The volumes with what each costs, and whether they are the right ones."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="quiet", pad_edge=False)
    for column in ("volume", "name", "type", "since"):
        table.add_column(column, no_wrap=True)
    table.add_column("GiB", justify="right")
    table.add_column("a month", justify="right")
    for volume in sorted(result.volumes, key=lambda each: -(each.monthly or 0)):
        table.add_row(volume.id, volume.name, volume.kind, volume.created, f"{volume.size:,}", money(volume.monthly))
    total = f"{len(result.volumes)} unattached volumes cost {money(result.monthly)} a month"
    return Group(Text(), table, Text(total, "name"), Text(result.prices, "quiet"), _compared(result))


def _compared(result: Result) -> Text:
    if result.holds:
        return Text("✓ exactly the volumes that were seeded to be found", "good")
    parts = [("missed", result.missed), ("wrongly found", result.wrong)]
    return Text("✗ " + "; ".join(f"{word}: {', '.join(sorted(names))}" for word, names in parts if names), "bad")


def onward(folder: Path, run: Run) -> RenderableType:
    """Return the commands with which a person looks further."""
    table = Table.grid(padding=(0, 2))
    rows = {
        f"cd {os.path.relpath(folder)}": "",
        f"{command(folder)} gate {run.id}/build/1": "what was decided on, to the byte",
        f"{command(folder)} verify {run.id}": "that what was released is what was approved",
        "git log --stat": "who wrote what",
    }
    for typed, why in rows.items():
        table.add_row(f"  {typed}", Text(why, "quiet"))
    return Group(Text("\nLook further", "name"), table)


def left(folder: Path, run: Run) -> RenderableType:
    """Render how to come back to a demonstration that was left at a gate."""
    return Group(
        Text(f"\nLeft; nothing is lost. Run {run.id} waits for your decision.", "name"),
        Text("The demonstration's AWS account ended with this command, and comes back with the next:", "quiet"),
        Text(f"→ {command()} demo {os.path.relpath(folder)}"),
    )
