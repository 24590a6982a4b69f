"""Orders to assistants at the terminal: a script or a person works as a role without MCP."""

import json
from pathlib import Path
from typing import Any

import click

from phasegate.app import App
from phasegate.cli.console import errors_to, output
from phasegate.cli.here import open_here
from phasegate.cli.views.lists import not_accepted, work_table
from phasegate.core import InvalidInput, report
from phasegate.reports.work import handed_in, items_of, shown_item, taken_item, whole_item

_LARGEST = 8_000_000


async def list_(role: str, as_json: bool) -> None:
    """List orders that wait for an assistant."""
    async with open_here(parse_prompts=False) as app:
        found, now = await items_of(app).listed(role), app.clock.now()
    if as_json:
        click.echo(report.as_json([shown_item(item) for item in found]))
    elif found:
        output().print(work_table(found, now))
        if any(item.problem for item in found):
            output().print(not_accepted(found), soft_wrap=True)
        for free in [item for item in found if item.held_until is None][:1]:
            output().print(f"→ phasegate work take {free.id}", soft_wrap=True)
    else:
        output().print("No order waits for an assistant.")


async def show(item: str, as_json: bool) -> None:
    """Show an order with its text."""
    async with open_here(parse_prompts=False) as app:
        found = whole_item(*await items_of(app).find(item))
    click.echo(report.as_json(found) if as_json else found.instructions)


async def take(item: str, as_json: bool) -> None:
    """Take an order for half an hour."""
    async with open_here(parse_prompts=False) as app:
        found = taken_item(await items_of(app).claim(item, _holder(app)))
    if as_json:
        click.echo(report.as_json(found))
        return
    click.echo(found.instructions)
    said = errors_to()
    said.print(f"You hold it until {found.held_until:%H:%M} UTC. Write the answer as JSON, then:", style="quiet")
    said.print(f"→ phasegate work hand-in {item} FILE --lease {found.lease}", soft_wrap=True)


async def give_back(item: str, lease: str) -> None:
    """Let another assistant take an order."""
    async with open_here(parse_prompts=False) as app:
        await items_of(app).give_back(item, lease)
    output().print("The order waits again.")


async def renew(item: str, lease: str) -> None:
    """Hold an order for another half hour."""
    async with open_here(parse_prompts=False) as app:
        held = await items_of(app).renew(item, lease)
    output().print(f"You hold it until {held.held_until:%H:%M} UTC.")


async def hand_in(item: str, file: Path, lease: str, as_json: bool) -> None:
    """Hand a draft or a review in."""
    answer = _answer(file)
    async with open_here(parse_prompts=False) as app:
        found = await handed_in(app, items_of(app), item, lease, answer)
    if as_json:
        click.echo(report.as_json(shown_item(found)))
    else:
        output().print("[good]✓[/] handed in; the run goes on with it. At fault, it is listed again, with why.")


def _holder(app: App) -> str:
    return f"terminal:{app.workspace.user.name}"


def _answer(file: Path) -> Any:
    name = "the standard input" if str(file) == "-" else f"'{file}'"
    with click.open_file(str(file), encoding="utf-8", errors="strict") as opened:
        try:
            text = opened.read(_LARGEST + 1)
            if len(text) > _LARGEST:
                raise InvalidInput(f"{name} is too large", fix=f"{_LARGEST:,} characters are the most")
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(
                f"{name} is not JSON: {error}", fix="write one JSON object of the order's schema"
            ) from error
