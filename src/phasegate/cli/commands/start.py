"""A demonstration, a new repository, specs, and the check of what is configured."""

from pathlib import Path

import click

from phasegate.cli import options
from phasegate.cli.commands.command import Command, Group


@click.command(cls=Command, runs="demo:demo")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--model",
    type=click.Choice(["scripted"]),
    help="Begin from a sentence in English, with a chat model in every role whose answers are recorded.",
)
@click.option("--port", default=0, metavar="N", help="Of the account's server; default: a free one.")
def demo() -> None:
    """Watch a spec become a released runbook, here.

    Lays a workspace into DIR (default: a new folder in .demo/), serves a small AWS account on this machine, and takes
    specs/001-unattached-ebs-volumes from spec to wheel. In a terminal you decide at each gate; without one, a policy
    named 'demo' does, and what it passes cannot be released. Where DIR holds a demonstration already, it goes on.
    """


@click.command(cls=Command, runs="start:init")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", metavar="NAME", help="The package's name on an index; default: the folder's.")
@click.option("--package", default="", metavar="NAME", help="Its Python package; default: the name, with underscores.")
@click.option("--spec", default="", metavar="NAME", help="Lay in a spec: one of ours, or a new one to fill in.")
@click.option(
    "--kind",
    type=click.Choice(["runbooks", "package"]),
    default="runbooks",
    show_default=True,
    help="What is built: runbooks by the compiler, or any Python package by agents.",
)
@click.option("--eject", is_flag=True, help="Lay in the team's cards, prompts and workflows, to change them.")
def init() -> None:
    """Make a target repository."""


@click.group(cls=Group)
def manager() -> None:
    """Make the key that a manager decides with."""


@manager.command("init", runs="start:manager_init")
@click.option("--name", metavar="NAME", help="Default: your user name.")
@options.passphrase_file
@click.option("--ssh-agent", metavar="KEY", help="Take this key of your SSH agent, by its comment or fingerprint.")
def manager_init() -> None:
    """Make your key, and list you in this repository.

    The key stays on this machine, under a passphrase; phasegate.toml gets its public half. Nothing is committed. A key
    that is there already is used.
    """


@click.command(cls=Command, runs="new:new")
@click.argument("sentence")
@click.option("--name", default="", metavar="NAME", help="The spec's name; left out, it is made of the sentence.")
@click.option("--only", is_flag=True, help="Write the spec's folder and begin no run.")
@click.option("--detach", is_flag=True, help="Leave the work to a worker that outlives this terminal.")
@options.record
@options.replay
@options.manager
@options.passphrase_file
def new() -> None:
    """Start a spec from a sentence.

    A chat model must work as the product owner, who makes a spec and a runbook of SENTENCE. What is unclear becomes a
    question at the first gate.
    """


@click.command(cls=Command, runs="start:lint")
@click.argument("specs", metavar="[SPEC…]", nargs=-1, type=click.Path(path_type=Path))
def lint() -> None:
    """Say what is wrong with specs, and how to mend it."""


@click.group(cls=Group)
def spec() -> None:
    """Add specs to a repository."""


@spec.command("new", runs="start:new_spec_here")
@click.argument("name")
def spec_new() -> None:
    """Add a spec: one of ours by its name, or a template to fill in.

    The folder gets the next free number. Nothing is committed.
    """


@click.command(cls=Command, runs="doctor:doctor")
@click.option("--call", is_flag=True, help="Call each chat model once, for a fraction of a cent.")
@options.as_json
def doctor() -> None:
    """Check all that is configured, and say what to mend.

    What is not configured is skipped. The exit code is 4 where something is configured and does not work.
    """
