"""Runs and workers."""

from pathlib import Path

import click

from phasegate.cli import options
from phasegate.cli.commands.command import Command, Group


@click.command(cls=Command, runs="run:run")
@click.argument("spec", required=False, type=click.Path(path_type=Path))
@click.option("--resume", metavar="RUN", help="Go on with a run that waits or stands.")
@click.option("--detach", is_flag=True, help="Leave the work to a worker that outlives this terminal.")
@click.option("--policy", default="", metavar="NAME", help="A gate policy that may decide in your place.")
@options.record
@options.replay
@options.manager
@options.passphrase_file
@options.as_json
def run() -> None:
    """Take a spec through its phases.

    SPEC is a spec's folder, or its spec.md. At each gate you are shown what changed, and asked; without a terminal, or
    for programs, it stops there with exit code 6, and says how to go on.
    """


@click.command(cls=Command, runs="status:status")
@click.argument("name", metavar="[RUN]", required=False)
@options.limit
@options.everything
@options.as_json
def status() -> None:
    """Show runs, or one run's phases.

    The newest runs come first, 20 at most; for programs all of them, where no limit is given.
    """


@click.command(cls=Command, runs="spend:forecast")
@click.argument("spec", type=click.Path(path_type=Path))
@options.as_json
def forecast() -> None:
    """Show what a run's model calls will cost, before it begins.

    From past runs of the same workflow, roles and models: half of them used at most the lower amounts, nine of ten the
    higher ones. Without any, from the prompts as they are now.
    """


@click.command(cls=Command, runs="spend:spend")
@click.argument("name", metavar="[RUN]", required=False)
@click.option(
    "--by",
    multiple=True,
    type=click.Choice(["run", "role", "phase", "model", "month"]),
    help="What to sum up by; may be repeated. Default: run, or role of a RUN.",
)
@click.option("--since", metavar="YYYY-MM-DD", type=options.DAY, help="The first day that counts, in UTC.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, for spreadsheets.")
@click.option("--focus", is_flag=True, help="Print rows of FOCUS 1.2 as CSV, for tools of FinOps.")
@options.as_json
def spend() -> None:
    """Show what model calls cost.

    Calls that failed or were killed are told apart: nobody knows what they used, and the most that they can have used
    counts against limits.
    """


@click.command(cls=Command, runs="worker:worker")
@click.option("--lease", default="", hidden=True, help="The lease that was begun for this process.")
@click.option("--install", is_flag=True, help="Write a systemd user unit that keeps a worker running, and stop.")
@click.option("--uninstall", is_flag=True, help="Remove that unit, and stop.")
def worker() -> None:
    """Take segments of runs until stopped.

    --install and --uninstall write and remove a file, and print the commands that systemd needs; they run none.
    """


_LEASE = click.option("--lease", required=True, metavar="L", help="The lease that 'phasegate work take' gave.")


@click.group(cls=Group)
def work() -> None:
    """Work as a role that an assistant works as.

    The same orders are taken over MCP ('phasegate mcp phasegate') and the REST API. Nothing here decides a gate.
    """


@work.command("list", runs="work:list_")
@click.option("--role", default="", metavar="ROLE", help="Only this role's.")
@options.as_json
def work_list() -> None:
    """List orders that wait for an assistant, the oldest first."""


@work.command("show", runs="work:show")
@click.argument("item")
@options.as_json
def work_show() -> None:
    """Show an order's text, without taking it."""


@work.command("take", runs="work:take")
@click.argument("item")
@options.as_json
def work_take() -> None:
    """Take an order for half an hour, and print its text.

    With --json the JSON Schema of the answer and the lease come with it.
    """


@work.command("renew", runs="work:renew")
@click.argument("item")
@_LEASE
def work_renew() -> None:
    """Hold an order for another half hour."""


@work.command("give-back", runs="work:give_back")
@click.argument("item")
@_LEASE
def work_give_back() -> None:
    """Let another assistant take an order that you took."""


@work.command("hand-in", runs="work:hand_in")
@click.argument("item")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True, allow_dash=True))
@_LEASE
@options.as_json
def work_hand_in() -> None:
    """Hand a draft or a review in, with which the run goes on.

    FILE is a JSON object of the order's schema; - reads it.
    """
