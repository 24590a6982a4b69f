"""Our MCP servers, for the team's agents and for any other MCP client."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path

import click
from mcp.server.fastmcp import FastMCP

from phasegate.cli.console import output
from phasegate.cli.here import open_here
from phasegate.reports.work import client_config
from phasegate.tools.servers.mcp_base import http_app
from phasegate.web.socket import run, take
from phasegate.workspace import Workspace

OF_HERE = "phasegate"
"""The server of the repository that the folder is in; the others are of services."""


async def mcp(name: str, repository: Path | None, config: bool, port: int | None) -> None:
    """Serve tools of a service, or of this repository, over MCP."""
    if repository and name != OF_HERE:
        raise click.UsageError(f"--repository is of 'phasegate mcp {OF_HERE}' alone.")
    if config:
        click.echo(json.dumps(client_config(name, Workspace.open(repository or Path.cwd()).folder), indent=2))
        return
    async with _built(name, repository) as server:
        await (server.run_stdio_async() if port is None else _listen(server, port))


@asynccontextmanager
async def _built(name: str, repository: Path | None) -> AsyncIterator[FastMCP]:
    if name != OF_HERE:
        yield import_module(f"phasegate.tools.servers.{name}.server").build(os.environ)
        return
    from phasegate.mcp_server.server import build  # loads the compiler, which servers of services do without

    async with open_here(folder=repository) as app:
        yield build(app, os.environ)


async def _listen(server: FastMCP, port: int) -> None:
    app, listening = http_app(server, os.environ), take("127.0.0.1", port)
    output().print(f"[good]✓[/] http://127.0.0.1:{listening.getsockname()[1]}/mcp  Ctrl-C stops it", soft_wrap=True)
    await run(app, listening, lifespan="on")
