"""Our MCP servers, for the team's agents and for any other MCP client."""

import asyncio
import os
from importlib import import_module

import click

SERVERS = ("aws", "jira", "confluence", "slack", "teams")


@click.command()
@click.argument("name", type=click.Choice(SERVERS))
@click.option("--http", "port", metavar="PORT", type=click.IntRange(0, 65535), help="Listen there; left out: stdio.")
def mcp(name: str, port: int | None) -> None:
    """Serve a service's tools over MCP."""
    server = import_module(f"phasegate.tools.{name}.server").build(os.environ)
    if port is None:
        asyncio.run(server.run_stdio_async())
        return
    from phasegate.cli.console import output
    from phasegate.tools.serving import http_app
    from phasegate.web.listen import run, take

    app, listening = http_app(server, os.environ), take("127.0.0.1", port)
    output().print(f"[good]✓[/] http://127.0.0.1:{listening.getsockname()[1]}/mcp  Ctrl-C stops it", soft_wrap=True)
    asyncio.run(run(app, listening, lifespan="on"))
