"""Tool servers, notification channels and our MCP servers."""

from pathlib import Path

import click

from phasegate.cli import options
from phasegate.cli.commands.command import Command, Group

SERVERS = ("aws", "jira", "confluence", "slack", "teams", "phasegate")


@click.group(cls=Group)
def tools() -> None:
    """See what agents may call, and grant it."""


@tools.command("list", runs="tools:list_")
@click.argument("name", metavar="[SERVER]", required=False)
@options.as_json
def tools_list() -> None:
    """Start each configured server, and list its tools and how it stands with them."""


@tools.command("grant", runs="tools:grant")
@click.argument("name", metavar="SERVER")
@click.option("--write", "writes", multiple=True, metavar="TOOL", help="May write, too; may be repeated.")
@click.option("--only", multiple=True, metavar="ARGUMENT=VALUE", help="Bounds the calls that write; may be repeated.")
@click.option(
    "--until", "ends", type=options.DAY, metavar="YYYY-MM-DD", help="The last day; default: 90 days from now."
)
@options.manager
@options.passphrase_file
def tools_grant() -> None:
    """Let agents call a server's tools, as they describe themselves today.

    A server of the repository's own is started only once you granted what its file starts or contacts; you are asked
    for that first. A tool that describes itself otherwise later is off until it is granted again. Calls that write are
    covered where --write names the tool and their arguments have the values of --only. What is destructive is never
    granted.
    """


@tools.command("call", runs="tools:call")
@click.argument("name", metavar="SERVER")
@click.argument("tool", metavar="TOOL")
@click.argument("words", metavar="[ARGUMENT=VALUE]...", nargs=-1)
@click.option("--role", metavar="ROLE", help="As which role; may be left out where one role alone may call it.")
@click.option("--json", "given", metavar="JSON", help="All arguments as a JSON object; - reads them.")
@click.option("--run", "run", metavar="RUN", default="", help="Have the call be an event of that run.")
def tools_call() -> None:
    """Call one tool as a role would, and print what it answers.

    The same rules hold as in a run: the server's file, its grants, the bounds of accounts, regions and arguments. What
    writes needs a grant. A call of no run is a line of the servers' log.

    In a terminal the answer is shown as tables. A file or a pipe gets JSON, and so does whoever gives --json.
    """


@tools.command("import", runs="tools:import_")
@click.argument("file", metavar="FILE", type=click.File(encoding="utf-8"))
def tools_import() -> None:
    """Take over servers from the configuration of an MCP client.

    FILE is JSON with 'mcpServers', as assistants in editors have it; - reads it. Each server becomes a file
    tools/NAME.yaml that can call nothing: you list its tools and roles there, and grant it. Values that look like
    secrets are left out, and their variables named. A file that is there already is left as it is.
    """


@tools.command("end", runs="tools:end")
@click.argument("name", metavar="SERVER")
def tools_end() -> None:
    """End what was granted for a server."""


@click.group(cls=Group)
def mirror() -> None:
    """Show notification channels, and grant them write access."""


@mirror.command("status", runs="mirror:status")
@options.as_json
def mirror_status() -> None:
    """Show each place of [mirror], and what could not be told so far."""


@mirror.command("grant", runs="mirror:grant")
@options.manager
@options.passphrase_file
def mirror_grant() -> None:
    """Grant all that the places of [mirror] need, for 90 days.

    Each grant names its tools, and the project, space or channel that they may write to.
    """


@click.command(cls=Command, runs="mcp:mcp")
@click.argument("name", type=click.Choice(SERVERS))
@click.option(
    "--repository",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="The repository of 'phasegate'; default: the one around this folder.",
)
@click.option("--config", is_flag=True, help="Print the JSON with which an MCP client starts it, and stop.")
@click.option("--http", "port", metavar="PORT", type=click.IntRange(0, 65535), help="Listen there; left out: stdio.")
def mcp() -> None:
    """Serve tools of a service, or of this repository, over MCP.

    NAME is a service, or 'phasegate' for the specs and runs of this repository and for orders to assistants. Over
    HTTP, clients show the bearer token of PHASEGATE_MCP_TOKEN.
    """
