"""Command `forecast`: what a run's model calls will use."""

from pathlib import Path

import click

from phasegate.cli.console import output
from phasegate.cli.here import open_here
from phasegate.cli.views.forecast import forecast_table
from phasegate.reports.forecast import forecast_of_spec


async def forecast(spec: Path, as_json: bool) -> None:
    """Show what a run of the spec would use."""
    async with open_here() as app:
        found = await forecast_of_spec(app, app.folder.locate(spec))
    if as_json:
        click.echo(found.model_dump_json(indent=2) if found else "null")
    elif found:
        output().print(forecast_table(found))
    else:
        output().print("No model is called: it costs nothing.")
