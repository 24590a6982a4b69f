"""Accounts: who may sign in on the page."""

import asyncio
import json
from pathlib import Path

import click

from phasegate.cli.console import output
from phasegate.cli.here import open_here
from phasegate.cli.keys import ask_passphrase, key_path
from phasegate.core import Missing
from phasegate.identity import Accounts, Sessions


async def add(name: str, key_file: Path | None, passphrase_file: Path | None) -> None:
    """Give a manager an account."""
    async with open_here() as app:
        person = app.config.people().get(name)
        if person is None:
            raise Missing(f"'{name}' is no manager of this repository", fix="list them: 'phasegate manager init'")
        path = key_file or key_path(app.state, name)
        try:
            pem = await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise Missing(f"the key '{path}' cannot be read: {error.strerror}", fix="--key FILE") from error
        secret = ask_passphrase(name, passphrase_file)
        await Accounts(app.database, app.clock).add(name, secret, pem, person.public_key)
    output().print(f"[good]✓[/] {name} can sign in, with the passphrase of their key\n→ phasegate serve")


async def list_(as_json: bool) -> None:
    """List the accounts."""
    async with open_here() as app:
        found = await Accounts(app.database, app.clock).all()
    if as_json:
        rows = [{"name": row.name, "since": row.created_at.isoformat()} for row in found]
        click.echo(json.dumps(rows, indent=2))
        return
    for row in found:
        click.echo(f"{row.name}  since {row.created_at:%Y-%m-%d}")


async def remove(name: str) -> None:
    """Take an account away, with its sessions and tokens."""
    async with open_here() as app:
        await Accounts(app.database, app.clock).remove(name)
    click.echo(f"{name} cannot sign in any more")


async def sign_out(name: str) -> None:
    """End every session of a person, wherever they are signed in."""
    async with open_here() as app:
        ended = await Sessions(app.database, app.clock).end_all(name)
    click.echo(f"{ended} session(s) of {name} ended")
