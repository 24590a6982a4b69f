"""Command `spend`: money and tokens of model calls."""

from collections.abc import Sequence
from datetime import datetime

import click

from phasegate.cli.console import output
from phasegate.cli.here import open_here
from phasegate.cli.views.spend import csv_of, spend_table
from phasegate.core import report
from phasegate.reports.focus import focus_csv
from phasegate.reports.spend import By, spend_of


async def spend(
    name: str | None, by: Sequence[str], since: datetime | None, as_json: bool, as_csv: bool, focus: bool
) -> None:
    """Show what model calls used."""
    if as_json + as_csv + focus > 1:
        raise click.UsageError("--json, --csv and --focus exclude each other.")
    if focus and by:
        raise click.UsageError("--focus has a row for each draft or review; leave out --by.")
    first = since.date() if since else None
    async with open_here(parse_prompts=False) as app:
        run = (await app.ledger.run(name)).id if name else ""
        if focus:
            click.echo(await focus_csv(app, run, first), nl=False)
            return
        parts = tuple(map(By, by)) or ((By.role,) if run else (By.run,))
        found = await spend_of(app, run, parts, first)
    if as_json:
        click.echo(report.as_json(found))
    elif as_csv:
        click.echo(csv_of(found), nl=False)
    else:
        output().print(spend_table(found))
