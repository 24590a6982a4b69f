"""The repository and the clock that commands work with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from phasegate.app import App, open_app
from phasegate.authors.roles import Roles
from phasegate.core import Clock, SystemClock


def given_clock() -> Clock:
    """Return the clock that the caller of the root command handed in as its object, else the machine's."""
    context = click.get_current_context(silent=True)
    given: Clock | None = context.find_root().obj if context else None
    return given or SystemClock()


@asynccontextmanager
async def open_here(
    *, folder: Path | None = None, parse_prompts: bool = True, roles: Roles | None = None
) -> AsyncIterator[App]:
    """Open the repository that a folder is in, by default the one that the command is typed in, as `open_app` does."""
    async with open_app(folder or Path.cwd(), clock=given_clock(), parse_prompts=parse_prompts, roles=roles) as app:
        yield app
