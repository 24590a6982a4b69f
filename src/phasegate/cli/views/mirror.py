"""The channels where runs are told of."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from phasegate.core import visible
from phasegate.core.formatting import age, count
from phasegate.notifications.undelivered import Channel, Undelivered
from phasegate.reports.external_links import ExternalLink


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
