"""Command `doctor`: checks that everything configured works."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from phasegate.cli.console import errors_to, output
from phasegate.cli.keys import home_of_keys
from phasegate.core import Missing
from phasegate.doctor import Check, CheckResult, State, checks_of, run_checks

_NAMED = 3


async def doctor(as_json: bool, call: bool) -> None:
    """Check all that is configured, and say what to mend."""
    click.get_current_context().exit(await _doctor(as_json, call))


async def _doctor(as_json: bool, call: bool) -> int:
    async with checks_of(Path.cwd(), os.environ, home_of_keys(), call=call) as checks:
        found = await _asked(checks)
    if as_json:
        click.echo(json.dumps({"checks": [said.as_json() for said in found]}, indent=2))
    else:
        show_checks(output(), found)
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


_MARKS = {State.ok: ("✓", "good"), State.skipped: ("–", "quiet"), State.trouble: ("✗", "bad")}
# Of the names; what a check says has the rest of the line.
_WIDEST = 24


def show_checks(console: Console, found: Sequence[CheckResult]) -> None:
    """Shows all of them, each with what to do, and how many are in trouble."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(max_width=_WIDEST, overflow="fold")
    table.add_column(overflow="fold")
    for said in found:
        mark, style = _MARKS[said.state]
        table.add_row(Text(mark, style=style), Text(said.name, style="name"), _words(said))
    console.print(table)
    counts = Counter(said.state for said in found)
    troubled = counts[State.trouble]
    ended = f"{troubled} in trouble" if troubled else "nothing in trouble"
    style = "bad" if troubled else "good"
    console.print(Text(f"{counts[State.ok]} ok, {counts[State.skipped]} skipped, {ended}", style=style))


def _words(said: CheckResult) -> Text:
    text = Text(said.says, style="quiet" if said.state is State.skipped else "")
    return text.append(f"\n→ {said.fix}", style="") if said.fix else text
