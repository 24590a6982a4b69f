"""The root of trust: what managers signed, and what waits for a signature."""

import click

from phasegate.cli import options
from phasegate.cli.commands.command import Group


@click.group(cls=Group)
def trust() -> None:
    """Show, sign and pin who may decide under which rules."""


@trust.command("show", runs="trust:show")
@options.as_json
def trust_show() -> None:
    """Show the root that counts here, and what waits for a signature."""


@trust.command("diff", runs="trust:diff")
@options.as_json
def trust_diff() -> None:
    """Show where the working files differ from the root.

    Nothing of it has an effect before it is signed.
    """


@trust.command("sign", runs="trust:sign")
@options.manager
@options.passphrase_file
@options.as_json
def trust_sign() -> None:
    """Sign the working files as the next version of the root.

    It shows what changes first. Where the root asks for several managers, the version counts when the last of them has
    signed; phasegate.roots.jsonl carries it between them.
    """


@trust.command("pin", runs="trust:pin")
@click.argument("fingerprint")
def trust_pin() -> None:
    """Know the root of this repository from now on.

    FINGERPRINT is the SHA-256 of its first version. Ask a manager for it, on another way than the one by which you got
    the repository.
    """
