"""The gates that wait, a screen at a time."""

from collections.abc import Sequence

import click

from phasegate.app import App
from phasegate.cli import options
from phasegate.cli.console import output
from phasegate.cli.here import open_here
from phasegate.cli.views.lists import gates_table, more, waiting_tools
from phasegate.core import report
from phasegate.hosting.gate_timers import reopen as reopen_all
from phasegate.ledger import GateKey, GateRecord
from phasegate.reports.gate import find_gate
from phasegate.reports.inbox import Inbox, OpenGate, quorum_of
from phasegate.reports.warnings import nobody_works, unattended
from phasegate.tool_access.requests import waits


async def gates(limit: int | None, everything: bool, after: str, reopen: bool, as_json: bool) -> None:
    """List the gates that wait for a decision."""
    if reopen:
        await _reopen()
        return
    most = options.most(limit, everything or as_json)

    async with open_here(parse_prompts=False) as app:
        place = (await find_gate(app, after)).key if after else None
        if as_json:
            click.echo(report.as_json([row.report() for row in await _rows(app, place, most)]))
        else:
            await _show(app, await app.ledger.open_gates(place, most), place)


async def _reopen() -> None:
    async with open_here() as app:
        sent = await reopen_all(app)
        output().print(f"{len(sent)} expired gate(s) open anew." if sent else "No gate has expired.")
        if idle := await unattended(app):
            output().print(nobody_works(idle), style="wait", soft_wrap=True)


async def _rows(app: App, place: GateKey | None, most: int) -> Sequence[OpenGate]:
    every = await app.ledger.count_open_gates()
    before = every - await app.ledger.count_open_gates(place) if place else 0
    inbox = Inbox(keeper=app.keeper, cards=app.team.cards, database=app.database)
    return (await inbox.waiting(before, every if most < 0 else most))[0]


async def _show(app: App, found: list[tuple[GateRecord, str]], place: GateKey | None) -> None:
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
