"""Command `mirror`: notification channels and their grants."""

import json
from pathlib import Path

import click

from phasegate.cli.console import output
from phasegate.cli.here import open_here
from phasegate.cli.keys import interruptible, keyring
from phasegate.cli.views.mirror import channels_json, channels_table
from phasegate.core import InvalidInput
from phasegate.notifications.undelivered import channels, is_attended
from phasegate.reports.external_links import remarks


async def status(as_json: bool) -> None:
    """Show each place of [mirror], and what could not be told so far."""
    async with open_here() as app:
        found, left, now = await channels(app), await remarks(app), app.clock.now()
        attended = is_attended(app)
    if as_json:
        click.echo(json.dumps(channels_json(found, left), indent=2))
    elif not found:
        output().print("Runs are told of nowhere.\n→ add [mirror] to phasegate.toml: docs/mirror.md")
    else:
        output().print(channels_table(found, left, now), soft_wrap=True)
        if any(channel.behind for channel in found) and not attended:
            output().print("Nobody tells them now.\n→ phasegate worker")


async def grant(manager: str | None, passphrase_file: Path | None) -> None:
    """Grant all that the places of [mirror] need, for 90 days."""
    from phasegate.notifications.required_grants import grant_all, wishes
    from phasegate.tool_access.servers import open_tools

    console = output()
    async with open_here() as app, open_tools(app) as opened:
        wished = wishes(app.config.mirror)
        if not wished:
            raise InvalidInput("phasegate.toml has no [mirror]", fix="say where runs are told of: docs/mirror.md")
        for wish in wished:
            console.print(f"  {wish.server}: {wish.says}", soft_wrap=True)
        ring = keyring(app.state, app.config, manager, passphrase_file)
        with interruptible():
            key = ring.unlock()
        with console.status("asking the servers"):
            made = await grant_all(app, opened.sessions, ring.manager, key)
    console.print(f"[good]✓[/] {len(made)} grants are signed, until {made[0].ends:%Y-%m-%d}")
    console.print("→ take one back: phasegate tools end SERVER", soft_wrap=True)
