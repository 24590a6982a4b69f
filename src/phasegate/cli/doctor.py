"""Command `doctor`: checks that everything configured works."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import click

from phasegate.cli.console import errors_to, output
from phasegate.cli.keys import home_of_keys
from phasegate.cli.views.doctor import show
from phasegate.core import Missing
from phasegate.doctor import Check, CheckResult, State, checks_of, run_checks

_NAMED = 3


async def doctor(as_json: bool) -> None:
    """Check all that is configured, and say what to mend."""
    click.get_current_context().exit(await _doctor(as_json))


async def _doctor(as_json: bool) -> int:
    async with checks_of(Path.cwd(), os.environ, home_of_keys()) as checks:
        found = await _asked(checks)
    if as_json:
        click.echo(json.dumps({"checks": [said.as_json() for said in found]}, indent=2))
    else:
        show(output(), found)
    return Missing.exit_code if any(said.state is State.trouble for said in found) else 0


async def _asked(checks: Sequence[Check]) -> list[CheckResult]:
    """Await all checks and show those under way."""
    order, found = [check.name for check in checks], []
    with errors_to().status(_asking(order)) as status:
        async for said, left in run_checks(checks):
            found.append(said)
            status.update(_asking(left))
    return sorted(found, key=lambda said: order.index(said.name))


def _asking(left: Sequence[str]) -> str:
    """Return the status line that names checks under way."""
    more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    return f"asking {', '.join(left[:_NAMED])}{more}"
