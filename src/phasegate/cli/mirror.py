"""Where runs are told of outside, and granting what that takes."""

import asyncio
import json
from pathlib import Path

import click

from phasegate.cli import options
from phasegate.cli.clock import given_clock


@click.group()
def mirror() -> None:
    """See where runs are told of, and grant it."""


@mirror.command()
@options.as_json
def status(as_json: bool) -> None:
    """Show each place of [mirror], and what could not be told so far."""
    asyncio.run(_status(as_json))


async def _status(as_json: bool) -> None:
    from phasegate.app import open_app
    from phasegate.cli.console import output
    from phasegate.cli.views.mirror import channels_json, channels_table
    from phasegate.notifications.undelivered import channels, is_attended
    from phasegate.reports.external_links import remarks

    async with open_app(Path.cwd(), clock=given_clock()) as app:
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


@mirror.command()
@options.manager
@options.passphrase_file
def grant(manager: str | None, passphrase_file: Path | None) -> None:
    """Grant all that the places of [mirror] need, for 90 days.

    Each grant names its tools, and the project, space or channel that they may write to.
    """
    asyncio.run(_grant((manager, passphrase_file)))


async def _grant(who: tuple[str | None, Path | None]) -> None:
    from phasegate.app import open_app
    from phasegate.cli.console import output
    from phasegate.cli.keys import interruptible, keyring
    from phasegate.core import InvalidInput
    from phasegate.notifications.required_grants import grant_all, wishes
    from phasegate.tool_access.servers import open_tools

    console = output()
    async with open_app(Path.cwd(), clock=given_clock()) as app, open_tools(app) as opened:
        wished = wishes(app.config.mirror)
        if not wished:
            raise InvalidInput("phasegate.toml has no [mirror]", fix="say where runs are told of: docs/mirror.md")
        for wish in wished:
            console.print(f"  {wish.server}: {wish.says}", soft_wrap=True)
        ring = keyring(app.state, app.config, *who)
        with interruptible():
            key = ring.unlock()
        with console.status("asking the servers"):
            made = await grant_all(app, opened.sessions, ring.manager, key)
    console.print(f"[good]✓[/] {len(made)} grants are signed, until {made[0].ends:%Y-%m-%d}")
    console.print("→ take one back: phasegate tools end SERVER", soft_wrap=True)
