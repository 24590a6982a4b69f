"""Gates and decisions."""

import click

from phasegate.cli import options
from phasegate.cli.commands.command import Command

DECISIONS = ("approve", "request-changes", "reject", "waive")


@click.command(cls=Command, runs="gates:gates")
@options.limit
@options.everything
@click.option("--after", default="", metavar="GATE", help="Go on after this gate of the list.")
@click.option("--reopen", is_flag=True, help="Open every gate that expired anew.")
@options.as_json
def gates() -> None:
    """List the gates that wait for a decision.

    The oldest come first, 20 at a time; for programs all of them, where no limit is given.
    """


@click.command(cls=Command, runs="decide:gate")
@click.argument("name", metavar="GATE")
@click.option("--full", is_flag=True, help="Show every line of the difference.")
@options.as_json
def gate() -> None:
    """Show a gate: what changed, findings, evidence.

    GATE is RUN/PHASE/ATTEMPT; RUN alone is its open gate. A manager decides on exactly what is shown: its digest goes
    into the decision.
    """


@click.command(cls=Command, runs="decide:decide")
@click.argument("name", metavar="GATE")
@click.argument("decision", type=click.Choice(DECISIONS))
@click.option("--digest", required=True, metavar="D", help="The digest that 'phasegate gate' showed.")
@click.option(
    "--comment", "comments", multiple=True, metavar="[PATH:LINE:]TEXT", help="What to change; may be repeated."
)
@click.option(
    "--answer",
    "answers",
    multiple=True,
    type=options.ANSWER,
    metavar="N=TEXT",
    help="Answer to question N; may be repeated.",
)
@click.option("--waive", "rules", multiple=True, metavar="CHECK/RULE", help="A rule to except; may be repeated.")
@click.option("--owner", default="", help="Who owns the exception.")
@click.option("--reason", default="", help="Why there is an exception.")
@click.option("--expires", default="", metavar="YYYY-MM-DD", help="Until when it holds.")
@options.manager
@options.passphrase_file
@options.as_json
def decide() -> None:
    """Decide at a gate, signed with your key.

    Open questions that 'phasegate gate' shows are answered with 'request-changes' and --answer. The passphrase is asked
    for each time; --passphrase-file reads it from a file.
    """


@click.command(cls=Command, runs="delegate:delegate")
@click.argument("to", metavar="[NAME]", required=False)
@click.option("--from", "begins", type=options.DAY, metavar="YYYY-MM-DD", help="The first day; default: from now on.")
@click.option("--until", "ends", type=options.DAY, metavar="YYYY-MM-DD", help="The last day.")
@click.option("--gate", "gates", multiple=True, metavar="PHASE", help="Only at this phase's gate; may be repeated.")
@click.option("--end", is_flag=True, help="End all that you delegated to NAME.")
@click.option("--list", "listing", is_flag=True, help="List all that stand; changes nothing, and asks for no key.")
@options.manager
@options.passphrase_file
@options.as_json
def delegate() -> None:
    """Have another manager decide for you, for a while.

    NAME signs with their own key, and it is on record for whom. Days are whole and in UTC. A decision that is not used
    when the time is over does not count.
    """


@click.command(cls=Command, runs="delegate:revoke")
@click.argument("name", metavar="GATE")
@options.manager
@options.passphrase_file
@options.as_json
def revoke() -> None:
    """Take back what you decided, before the run uses it.

    GATE is RUN/PHASE/ATTEMPT; RUN alone is its last gate. The gate is void, and the run opens another.
    """


@click.command(cls=Command, runs="spend:allow")
@click.argument("name", metavar="RUN")
@click.option("--role", default="", metavar="ROLE", help="Only this role; left out: the run over all roles.")
@click.option("--tokens", type=click.IntRange(min=1), metavar="N", help="So many tokens more.")
@click.option("--money-usd", type=options.MONEY, metavar="AMOUNT", help="So many US dollars more.")
@click.option("--calls", type=click.IntRange(min=1), metavar="N", help="So many calls more.")
@click.option(
    "--seconds",
    type=click.IntRange(min=1),
    metavar="N",
    help="So many seconds more: of the run's calls, or of each draft and review of the role.",
)
@click.option(
    "--rounds", type=click.IntRange(min=1, max=10), metavar="N", help="So many answers more in each draft and review."
)
@options.manager
@options.passphrase_file
def allow() -> None:
    """Let a run use more of a model, signed with your key.

    A run that reached a limit of its model calls goes on with it. The limits are those of each role's card, and
    [roles.ROLE] and [models.run] of phasegate.toml.
    """
