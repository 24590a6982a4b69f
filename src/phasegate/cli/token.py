"""Tokens: what programs come in with by the REST API."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from phasegate.cli.here import open_here
from phasegate.cli.keys import ask_passphrase
from phasegate.identity import Accounts, Passphrases, Scope, Throttle, Token, Tokens


async def create(
    name: str,
    scopes: tuple[str, ...],
    expires: timedelta,
    owner: str | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Make a token and show its secret once."""

    async with open_here() as app:
        if owner:
            secret = ask_passphrase(owner, passphrase_file)
            sign_in = Passphrases(Accounts(app.database, app.clock), Throttle(app.clock))
            await sign_in.prove(owner, secret, "terminal")
        tokens = Tokens(app.database, app.clock)
        made, secret = await tokens.create(name, [Scope(scope) for scope in scopes], expires, account=owner)
    if as_json:
        click.echo(json.dumps({**_json(made), "secret": secret}, indent=2))
        return
    click.echo(f"token {made.id} for {made.name} ({made.kind}), until {made.expires_at:%Y-%m-%d %H:%M} UTC", err=True)
    click.echo("this is shown once; keep it where only its program reads it:", err=True)
    click.echo(secret)


async def list_(as_json: bool) -> None:
    """List tokens, without their secrets."""
    async with open_here() as app:
        found, now = await Tokens(app.database, app.clock).all(), app.clock.now()
    if as_json:
        click.echo(json.dumps([{**_json(row), "state": _state(row, now)} for row in found], indent=2))
        return
    for row in found:
        state = f"until {row.expires_at:%Y-%m-%d}" if _state(row, now) == "live" else _state(row, now)
        click.echo(f"{row.id}  {row.account or 'service'}  {','.join(sorted(row.scopes))}  {state}  {row.name}")


def _state(row: Token, now: datetime) -> str:
    if row.revoked_at:
        return "revoked"
    return "live" if now < row.expires_at else "expired"


def _json(row: Token) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "account": row.account,
        "scopes": sorted(row.scopes),
        "expires_at": row.expires_at.isoformat(),
    }


async def revoke(token_id: str) -> None:
    """End a token at once."""
    async with open_here() as app:
        await Tokens(app.database, app.clock).revoke(token_id)
    click.echo(f"token {token_id} is of no use any more")
