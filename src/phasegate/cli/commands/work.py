"""Runs and workers."""

from pathlib import Path

import click

from phasegate.cli import options
from phasegate.cli.commands.command import Command


@click.command(cls=Command, runs="run:run")
@click.argument("spec", required=False, type=click.Path(path_type=Path))
@click.option("--resume", metavar="RUN", help="Go on with a run that waits or stands.")
@click.option("--detach", is_flag=True, help="Leave the work to a worker that outlives this terminal.")
@click.option("--policy", default="", metavar="NAME", help="A gate policy that may decide in your place.")
@options.record
@options.replay
@options.manager
@options.passphrase_file
def run() -> None:
    """Take a spec through its phases.

    SPEC is a spec's folder, or its spec.md. At each gate you are shown what changed, and asked; without a terminal it
    stops there with exit code 6, and says how to go on.
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
