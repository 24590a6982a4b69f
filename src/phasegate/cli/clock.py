"""The clock that commands run by."""

import click

from phasegate.core import Clock, SystemClock


def given_clock() -> Clock:
    """Return the clock that the caller of the root command handed in as its object, else the machine's."""
    context = click.get_current_context(silent=True)
    given: Clock | None = context.find_root().obj if context else None
    return given or SystemClock()
