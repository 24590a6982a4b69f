"""Commands about money and tokens of model calls: what they used, what they will use, and more for a run."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import click

from phasegate.cli.console import output
from phasegate.cli.here import open_here
from phasegate.cli.keys import interruptible, keyring_of
from phasegate.cli.views.spend import csv_of, forecast_table, spend_table
from phasegate.core import report
from phasegate.models import Allowance
from phasegate.reports.focus import focus_csv
from phasegate.reports.forecast import forecast_of_spec
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


async def allow(
    name: str,
    role: str,
    tokens: int | None,
    money_usd: Decimal | None,
    calls: int | None,
    seconds: int | None,
    rounds: int | None,
    manager: str | None,
    passphrase_file: Path | None,
) -> None:
    """Allow it, and send the run on."""
    async with open_here() as app:
        ring = keyring_of(app, manager, passphrase_file)
        with interruptible():
            key = ring.unlock()
        more = Allowance(tokens=tokens, money_usd=money_usd, calls=calls, seconds=seconds, rounds=rounds)
        run = await app.allow(name, role, more, key, app.person(ring.manager))
    console = output()
    console.print(f"[good]✓[/] {role or 'the run'} may use more, signed")
    console.print(f"→ phasegate run --resume {run.id}", soft_wrap=True)
