"""Command `mirror`: notification channels and their grants."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from phasegate.cli.console import output
from phasegate.cli.here import open_here
from phasegate.cli.keys import keyring_of
from phasegate.core import InvalidInput, visible
from phasegate.core.formatting import age, count
from phasegate.notifications.undelivered import Channel, Undelivered, channels, is_attended
from phasegate.reports.external_links import ExternalLink, remarks


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
    from phasegate.notifications.setup import grant_all, wishes
    from phasegate.tool_access.servers import open_tools

    console = output()
    async with open_here() as app, open_tools(app) as opened:
        wished = wishes(app.config.mirror)
        if not wished:
            raise InvalidInput("phasegate.toml has no [mirror]", fix="say where runs are told of: docs/mirror.md")
        for wish in wished:
            console.print(f"  {wish.server}: {wish.says}", soft_wrap=True)
        ring = keyring_of(app, manager, passphrase_file)
        key = ring.unlock(statements=len(wished))
        with console.status("asking the servers"):
            made = await grant_all(app, opened.sessions, ring.manager, key)
    console.print(f"[good]✓[/] {len(made)} grants are signed, until {made[0].ends:%Y-%m-%d}")
    console.print("→ take one back: phasegate tools end SERVER", soft_wrap=True)


def channels_table(
    channels: Sequence[Channel], remarks: Mapping[str, Sequence[ExternalLink]], now: datetime
) -> RenderableType:
    """A line for each channel, one for each run that it is behind with, and what it was not told for good."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for channel in channels:
        says = Text(f"{count(len(channel.behind), 'run')} behind", "wait") if channel.behind else _well(channel)
        table.add_row(Text(channel.name, "name"), count(channel.runs, "run"), says)
    late = [_late(each, now) for channel in channels for each in channel.behind]
    left = [_left(run, each) for run, found in remarks.items() for each in found]
    return Group(table, *late, *([Text("Left", "name"), *left] if left else []))


def _well(channel: Channel) -> Text:
    return Text("up to date", "good") if channel.since else Text("no run was begun since it was configured", "quiet")


def _late(each: Undelivered, now: datetime) -> Text:
    row, news = each.mirrored, f"{each.news} untold"
    again = f"again in {age(now, row.due_at)}" if row.due_at > now else "due now"
    why = Text(f"{visible(row.trouble)} ", "wait") if row.trouble else Text()
    return Text.assemble((f"  {row.run} {row.place}: ", "quiet"), why, f"({news}, {again})")


def _left(run: str, each: ExternalLink) -> Text:
    return Text.assemble((f"  {run} {each.place}: ", "quiet"), (visible(each.says), "wait" if each.trouble else ""))


def channels_json(channels: Sequence[Channel], remarks: Mapping[str, Sequence[ExternalLink]]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {
            "place": channel.name,
            "runs": channel.runs,
            "since": channel.since.isoformat() if channel.since else None,
            "behind": [_behind(each) for each in channel.behind],
            "left": [
                {"run": run, "says": each.says}
                for run, found in remarks.items()
                for each in found
                if each.place == channel.name
            ],
        }
        for channel in channels
    ]


def _behind(each: Undelivered) -> dict[str, Any]:
    row = each.mirrored
    due = row.due_at.isoformat()
    return {"run": row.run, "news": each.news, "trouble": row.trouble, "tries": row.tries, "due_at": due}
