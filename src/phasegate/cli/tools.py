"""Servers of tools: what they offer, and granting what agents may call there."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import click
from rich.markup import escape

from phasegate.cli.console import errors_to, output
from phasegate.cli.here import open_here
from phasegate.cli.keys import Keyring, keyring_of
from phasegate.cli.views.gate import difference
from phasegate.cli.views.tools import show, show_answer, show_imported
from phasegate.core import PhasegateError, UsageError, report
from phasegate.reports.tools import Server
from phasegate.team.client_servers import LONGEST, imported
from phasegate.team.servers import ToolServer
from phasegate.tool_access.servers import ServerState, Tools, bounds, callers_of, open_tools

_USUAL = timedelta(days=90)
Who = tuple[str | None, Path | None]


async def list_(name: str | None, as_json: bool) -> None:
    """Start each configured server, and list its tools and how it stands with them."""
    async with open_here() as app, open_tools(app) as opened:
        servers = [opened.server(name)] if name else list(app.team.servers.values())
        console = output()
        if as_json:
            found = [await opened.look(server) for server in servers]
            click.echo(report.as_json([Server.of(each) for each in found]))
            return
        for server in servers:
            with console.status(f"asking {server.name}"):
                each = await opened.look(server)
            show(console, each)


async def grant(
    name: str,
    writes: tuple[str, ...],
    only: tuple[str, ...],
    ends: datetime | None,
    manager: str | None,
    passphrase_file: Path | None,
) -> None:
    """Let agents call a server's tools, as they describe themselves today."""
    bounded = bounds(only)
    async with open_here() as app, open_tools(app) as opened:
        server, console = opened.server(name), output()
        last = ends.replace(tzinfo=UTC, hour=23, minute=59, second=59) if ends else app.clock.now() + _USUAL
        ring = keyring_of(app, manager, passphrase_file)
        seen = await _looked_at(opened, server)
        if seen.waits:
            await _let_start(opened, server, ring, last)
            seen = await _looked_at(opened, server)
        if seen.trouble:
            raise PhasegateError(seen.trouble, fix=seen.fix)
        show(console, seen, words=True)
        console.print(difference(await opened.changes(server), whole=True), soft_wrap=True)
        key = ring.unlock()
        marks = {offer.name: offer.fingerprint for offer in seen.offers}
        made = await opened.grant(server, ring.manager, key, last, writes=writes, only=bounded, seen=marks)
    wrote = f", writing with {', '.join(made.writes)}" if made.writes else ", reading alone"
    console.print(f"[good]✓[/] {len(made.pins)} tools of {name} are granted{wrote}, until {made.ends:%Y-%m-%d}, signed")
    console.print(f"→ take it back: phasegate tools end {name}", soft_wrap=True)


async def _looked_at(opened: Tools, server: ToolServer) -> ServerState:
    with output().status(f"asking {server.name}"):
        return await opened.look(server)


async def _let_start(opened: Tools, server: ToolServer, ring: Keyring, last: datetime) -> None:
    """Show what a server of the repository's own starts or contacts, and sign that it may."""
    said, console = escape(server.runs), output()
    console.print(f"[wait]●[/] {server.name} is of this repository's own: it {said}", soft_wrap=True)
    key = ring.unlock()
    await opened.let_start(server, ring.manager, key, last)
    console.print(f"[good]✓[/] it may, as it is defined now, until {last:%Y-%m-%d}, signed")


async def call(name: str, tool: str, words: tuple[str, ...], role: str | None, given: str | None, run: str) -> None:
    """Call one tool as a role would, and print what it answers."""
    async with open_here() as app, open_tools(app) as opened:
        server = opened.server(name)
        callers = callers_of(app, server, tool)
        if role is None and len(callers) != 1:
            fix = f"name one with --role: {', '.join(callers)}" if callers else f"name it in tools/{name}.yaml"
            raise UsageError(f"{len(callers)} roles may call {name}.{tool}", fix=fix)
        if role is not None and role not in app.team.cards:
            raise UsageError(f"there is no role '{role}'", fix=f"name one of: {', '.join(callers)}")
        of_run = (await app.ledger.run(run)).id if run else ""
        arguments = _object(given) if given else {}
        with errors_to().status(f"asking {name}.{tool} as {role or callers[0]}"):
            arguments |= await opened.arguments(server, tool, words) if words else {}
            answer = await opened.call(role or callers[0], server, tool, arguments, of_run)
    if answer.error:
        raise answer.error
    if answer.data is not None and output().is_terminal and not given:
        show_answer(output(), answer.data)
    else:
        click.echo(answer.text if answer.data is None else json.dumps(answer.data, indent=2, ensure_ascii=False))


def _object(given: str) -> dict[str, Any]:
    try:
        found = json.loads(sys.stdin.read() if given == "-" else given)
    except ValueError as error:
        raise UsageError(f"--json is no JSON: {error}", fix="""write an object: --json '{"key": "value"}'""") from None
    if not isinstance(found, dict):
        raise UsageError("--json is no object", fix="""write an object: --json '{"key": "value"}'""")
    return found


async def import_(file: TextIO) -> None:
    """Take over servers from the configuration of an MCP client."""
    text = file.read(LONGEST + 1)
    async with open_here(parse_prompts=False) as app:
        found = imported(text, app.team.servers)
        folder = app.folder.path / "tools"
    for each in found:
        if each.error is None:
            folder.mkdir(exist_ok=True)
            with (folder / f"{each.name}.yaml").open("x", encoding="utf-8") as written:
                written.write(each.text)
        show_imported(output(), each)
    if any(each.error for each in found):
        raise PhasegateError("not every server was taken over", fix="mend what is said above, and import again")


async def end(name: str) -> None:
    """End what was granted for a server."""
    async with open_here() as app, open_tools(app) as opened:
        ended = await opened.grants.end(opened.server(name).name)
    if not ended:
        raise UsageError(f"nothing is granted for '{name}'", fix="see 'phasegate tools list'")
    output().print(f"[good]✓[/] what was granted for {name} is over")
