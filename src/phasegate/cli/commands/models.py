"""Choice of a model."""

import click

from phasegate.cli import options
from phasegate.cli.commands.command import Command


@click.command("eval", cls=Command, runs="evaluate:evaluate_here")
@click.option("--model", metavar="MODEL", help="PROVIDER:MODEL, or scripted:perfect, :careless or :lying.")
@click.option("--intent", "intents", multiple=True, metavar="ID", help="Try this one; may be repeated. Default: all.")
@click.option("--list", "listed", is_flag=True, help="List the intents, and try none.")
@click.option("--compare", nargs=2, type=options.FILE, metavar="FILE FILE", help="Show two kept results side by side.")
@click.option("--jobs", type=click.IntRange(1, 32), default=4, metavar="N", help="Drafts at a time; default: 4.")
@click.option("--limit-usd", type=options.MONEY, default="10", metavar="AMOUNT", help="Over all; default: 10.")
@click.option("--output", "target", type=options.FILE, metavar="FILE", help="Keep the results in FILE, as JSON.")
@options.record
@options.replay
@options.as_json
def evaluate() -> None:
    """Try how well a model drafts runbooks from English.

    Each intent is a sentence with a small AWS account in which it is known what has to be found. The model drafts as
    the product owner of a run does: same instructions, checks, rounds and limits. What it drafts is compiled and run in
    the sandbox over that account, and judged by what it finds there alone.

    Works in any folder; in a repository its phasegate.toml, cards and prompts count. The scripted authors call no
    provider and show how the suite judges. The exit code is 6 where a limit or the provider kept intents from being
    judged.
    """
