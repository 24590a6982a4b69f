"""Specs of a repository."""

from pathlib import Path

from phasegate.app import read_config
from phasegate.cli.console import output
from phasegate.core import SystemClock
from phasegate.scaffold.new_repository import new_spec
from phasegate.workspace import Workspace


def new(name: str) -> None:
    """Add a spec: one of ours by its name, or a template to fill in."""
    folder = Workspace.open(Path.cwd()).folder
    read_config(folder)
    written = new_spec(folder, name, SystemClock())
    place = next(iter(written)).rpartition("/")[0]
    console = output()
    console.print(f"[good]✓[/] {place}: {' and '.join(sorted(path.rpartition('/')[2] for path in written))}")
    if any(b"[NEEDS CLARIFICATION" in content for content in written.values()):
        console.print(
            f"→ write what you want where it says NEEDS CLARIFICATION, then: phasegate lint {place}", soft_wrap=True
        )
    console.print(f"→ phasegate run {place}", soft_wrap=True)
