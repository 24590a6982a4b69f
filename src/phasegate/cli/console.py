"""Consoles of rich, imported by commands alone so that `--help` stays quick."""

import os
import shutil
import sys
from pathlib import Path

from rich.console import Console
from rich.theme import Theme

THEME = Theme(
    {
        "good": "green",
        "bad": "red",
        "wait": "yellow",
        "quiet": "dim",
        "name": "bold",
        "added": "green",
        "removed": "red",
        "hunk": "cyan",
        "hidden": "reverse red",
    }
)
PLAIN_WIDTH = 100


def output() -> Console:
    """Standard output."""
    return _console(stderr=False)


def errors_to() -> Console:
    """Standard error."""
    return _console(stderr=True)


def command(folder: Path | None = None) -> str:
    """Return how this command is typed: `phasegate` where the shell finds it, else its path.

    Args:
        folder: where it is typed; None: here.
    """
    this = Path(sys.argv[0])
    found = shutil.which("phasegate")
    if this.name != "phasegate" or (found and this.exists() and os.path.samefile(found, this)):
        return "phasegate"
    return os.path.relpath(this, folder)


def _console(*, stderr: bool) -> Console:
    console = Console(theme=THEME, highlight=False, stderr=stderr)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console
