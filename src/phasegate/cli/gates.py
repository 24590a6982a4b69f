"""The gates that wait, a screen at a time."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from phasegate.cli import options
from phasegate.cli.clock import given_clock

if TYPE_CHECKING:
    from phasegate.app.app import App
    from phasegate.ledger import GateKey, GateRecord


@click.command()
@options.limit
@options.everything
@click.option("--after", default="", metavar="GATE", help="Go on after this gate of the list.")
@click.option("--reopen", is_flag=True, help="Open every gate that expired anew.")
@options.as_json
def gates(limit: int | None, everything: bool, after: str, reopen: bool, as_json: bool) -> None:
    """List the gates that wait for a decision.

    The oldest come first, 20 at a time; for programs all of them, where no limit is given.
    """
    if reopen:
        asyncio.run(_reopen())
        return
    asyncio.run(_gates(options.most(limit, everything or as_json), after, as_json))


async def _gates(most: int, after: str, as_json: bool) -> None:
    from phasegate.app.app import open_app
    from phasegate.reports.gate import find_gate

    async with open_app(Path.cwd(), clock=given_clock(), parse_prompts=False) as app:
        place = (await find_gate(app, after)).key if after else None
        found = await app.ledger.open_gates(place, most)
        if as_json:
            click.echo(json.dumps([await _row(app, gate, spec) for gate, spec in found], indent=2))
        else:
            await _show(app, found, place)


async def _reopen() -> None:
    from phasegate.app.app import open_app
    from phasegate.app.reopening import reopen
    from phasegate.app.standing import nobody_works, unattended
    from phasegate.cli.console import output

    async with open_app(Path.cwd(), clock=given_clock()) as app:
        sent = await reopen(app)
        output().print(f"{len(sent)} expired gate(s) open anew." if sent else "No gate has expired.")
        if idle := await unattended(app):
            output().print(nobody_works(idle), style="wait", soft_wrap=True)


async def _row(app: "App", gate: "GateRecord", spec: str) -> dict[str, Any]:
    from phasegate.reports.inbox import gate_json, quorum_of

    return {**gate_json(gate, spec), **(await quorum_of(app, gate))._asdict()}


async def _show(app: "App", found: "list[tuple[GateRecord, str]]", place: "GateKey | None") -> None:
    from phasegate.app.standing import nobody_works, unattended
    from phasegate.cli.console import output
    from phasegate.cli.views.lists import gates_table, more, waiting_tools
    from phasegate.reports.inbox import quorum_of
    from phasegate.reports.tool_requests import waits

    console = output()
    if found:
        rows = [(gate, spec, (await quorum_of(app, gate)).says) for gate, spec in found]
        console.print(gates_table(rows, app.flow, app.clock.now()))
        left = await app.ledger.count_open_gates(place) - len(found)
        if left:
            console.print(more(left, f"phasegate gates --after {found[-1][0].key}"), soft_wrap=True)
    else:
        console.print("No gate waits for a decision.")
    if idle := await unattended(app):
        console.print(nobody_works(idle), style="wait", soft_wrap=True)
    if asking := await waits(app):
        console.print(waiting_tools(asking), soft_wrap=True)
