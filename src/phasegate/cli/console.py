"""The terminal as rich sees it; imported by commands alone, so that --help stays quick."""

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


def _console(*, stderr: bool) -> Console:
    console = Console(theme=THEME, highlight=False, stderr=stderr)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console
