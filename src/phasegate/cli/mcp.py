"""Our MCP servers, for the team's agents and for any other MCP client."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path

import click
from mcp.server.fastmcp import FastMCP

from phasegate.cli.clock import given_clock
from phasegate.cli.console import output
from phasegate.cli.grouped_commands import Command
from phasegate.tools.servers.mcp_base import http_app
from phasegate.web.socket import run, take

OF_HERE = "phasegate"
"""The server of the repository that the folder is in; the others are of services."""
SERVERS = ("aws", "jira", "confluence", "slack", "teams", OF_HERE)


@click.command(cls=Command)
@click.argument("name", type=click.Choice(SERVERS))
@click.option("--http", "port", metavar="PORT", type=click.IntRange(0, 65535), help="Listen there; left out: stdio.")
async def mcp(name: str, port: int | None) -> None:
    """Serve tools of a service, or of this repository, over MCP.

    NAME is a service, or 'phasegate' for the specs and runs of this repository. Over HTTP, clients show the bearer
    token of PHASEGATE_MCP_TOKEN.
    """
    async with _built(name) as server:
        await (server.run_stdio_async() if port is None else _listen(server, port))


@asynccontextmanager
async def _built(name: str) -> AsyncIterator[FastMCP]:
    if name != OF_HERE:
        yield import_module(f"phasegate.tools.servers.{name}.server").build(os.environ)
        return
    from phasegate.app import open_app
    from phasegate.mcp_server.server import build

    async with open_app(Path.cwd(), clock=given_clock()) as app:
        yield build(app, os.environ)


async def _listen(server: FastMCP, port: int) -> None:
    app, listening = http_app(server, os.environ), take("127.0.0.1", port)
    output().print(f"[good]✓[/] http://127.0.0.1:{listening.getsockname()[1]}/mcp  Ctrl-C stops it", soft_wrap=True)
    await run(app, listening, lifespan="on")
