"""What a run made, and where it lies."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from phasegate.app.app import App
from phasegate.cli.views.lists import STYLES
from phasegate.ledger import Event, Run


def artifacts(app: App, run: Run, events: Sequence[Event]) -> dict[str, str]:
    """Name of each thing to where it lies, from the top of the repository."""
    receipts: Mapping[str, dict[str, Any]] = {event.place[-1]: event.body for event in events if event.kind == "effect"}
    found = {
        "branch": run.branch,
        "wheel": receipts.get("publish", {}).get("wheel"),
        "installed": receipts.get("install", {}).get("environment"),
        "report": receipts.get("smoke", {}).get("report"),
    }
    documents = {f"spec {name}": path for name, path in _documents(app, run) if run.status.ended}
    return {name: str(path) for name, path in (found | documents).items() if path}


def _documents(app: App, run: Run) -> list[tuple[str, str]]:
    return [
        (path.name, path.relative_to(app.folder.path).as_posix())
        for path in sorted((app.folder.path / run.spec).glob("*"))
    ]


def run_summary(run: Run, made: Mapping[str, str]) -> RenderableType:
    """How the run stands, and its artifacts."""
    head = Text.assemble((run.status.value, STYLES[run.status]), ("  " + run.note.partition("\n")[0], "quiet"))
    if run.policy:
        head.append(f"\ngates were passed by the policy '{run.policy}', not by a person", "wait")
    table = Table.grid(padding=(0, 2))
    for name, path in made.items():
        table.add_row(Text(name, "quiet"), Text(path, overflow="fold"))
    return Group(head, table)
