"""The record in one file, and back."""

import asyncio
from pathlib import Path

import click

from phasegate.backup.archive import back_up
from phasegate.backup.restore import forget_runs as begin_anew
from phasegate.backup.restore import restore as put_back
from phasegate.cli.console import output
from phasegate.cli.here import open_here
from phasegate.cli.keys import home_of_keys, key_path
from phasegate.cli.views.lists import claims_table
from phasegate.core import PhasegateError
from phasegate.core.report import as_json as as_text
from phasegate.reports.verify import verification


async def backup(file: Path | None) -> None:
    """Write the record into one file."""
    async with open_here() as app:
        stamp = f"{app.clock.now():%Y%m%dT%H%M%SZ}"
        file = file or Path(f"{app.config.project.name}-{stamp}.phasegate.tar.gz")
        keys = [key_path(app.state, name) for name in app.config.people()]
        made = await asyncio.to_thread(back_up, app, await asyncio.to_thread(file.absolute), keys)
    output().print(f"[good]✓[/] {file}, {made.size:,} bytes: {made.runs} runs, {made.commits} commits", soft_wrap=True)
    output().print(f"→ phasegate restore {file}", soft_wrap=True)


async def restore(file: Path | None, replace: bool, forget_runs: bool, as_json: bool) -> None:
    """Put the record back from a backup, and prove it."""
    if forget_runs == (file is not None):
        raise click.UsageError("Name a FILE, or --forget-runs.")
    await (_restore(file, as_json, replace=replace) if file else _forget())


async def _restore(file: Path, as_json: bool, *, replace: bool) -> None:
    claims = await put_back(Path.cwd(), file, home_of_keys(), replace=replace)
    if as_json:
        click.echo(as_text(verification(str(file), claims)))
    else:
        output().print(claims_table(claims))
    if not all(claim.holds for claim in claims):
        raise PhasegateError("the record is there, and does not hold", fix="restore another backup with --replace")


async def _forget() -> None:
    left = await begin_anew(Path.cwd())
    output().print("[good]✓[/] an empty record; the branches of earlier runs are left as they are")
    for path in left:
        output().print(f"  put aside: {path}", soft_wrap=True)
