"""The page, accounts and tokens."""

import re
from datetime import timedelta
from pathlib import Path

import click

from phasegate.cli import options
from phasegate.cli.commands.command import Command, Group

SCOPES = ("read", "run", "decide", "work")


class Days(click.ParamType[timedelta]):
    """A time to hold, such as `30d`."""

    name = "days"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Days or hours, as a whole number."""
        match = re.fullmatch(r"([1-9][0-9]{0,4})([dh])", str(value))
        if match is None:
            self.fail("a whole number and d or h, such as 30d", param, ctx)
        return timedelta(**{{"d": "days", "h": "hours"}[match[2]]: int(match[1])})


@click.command(cls=Command, runs="serve:serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8300, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--no-worker", is_flag=True, help="Host no worker; another one takes the segments.")
@click.option("--behind-tls", is_flag=True, help="A proxy on this machine ends TLS; cookies are sent through TLS only.")
@click.option("--slack-socket", is_flag=True, help="Take clicks by a connection to Slack; SLACK_APP_TOKEN alone does.")
@click.option("--name", "names", multiple=True, metavar="HOST[:PORT]", help="A name people ask for; may be repeated.")
def serve() -> None:
    """Serve the inbox and the REST API.

    Managers sign in with an account ('phasegate account add'), programs with a token ('phasegate token create').
    """


@click.group(cls=Group)
def account() -> None:
    """Say who may sign in on the page."""


@account.command("add", runs="account:add")
@click.argument("name")
@click.option(
    "--key",
    "key_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The manager's private key; default: theirs on this machine.",
)
@options.passphrase_file
def account_add() -> None:
    """Give a manager an account.

    NAME is the manager's, as in phasegate.toml. The key's passphrase signs in, too. An account that is there already
    gets the key and passphrase anew, and its sessions end.
    """


@account.command("list", runs="account:list_")
@options.as_json
def account_list() -> None:
    """List the accounts."""


@account.command("remove", runs="account:remove")
@click.argument("name")
def account_remove() -> None:
    """Take an account away, with its sessions and tokens."""


@account.command("sign-out", runs="account:sign_out")
@click.argument("name")
def account_sign_out() -> None:
    """End every session of a person, wherever they are signed in."""


@click.group(cls=Group)
def token() -> None:
    """Make and revoke tokens for programs."""


@token.command("create", runs="token:create")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(SCOPES), help="May be repeated.")
@click.option("--expires", default="30d", type=Days(), metavar="TIME", show_default=True, help="Such as 12h or 90d.")
@click.option("--for", "owner", metavar="ACCOUNT", help="Whose it is; left out, a service's.")
@options.passphrase_file
@options.as_json
def token_create() -> None:
    """Make a token and show its secret once.

    NAME says what it is for. An assistant that takes orders over the REST API has 'work' and decides nothing. Only a
    person's own token can carry 'decide', and making one asks for their passphrase; even with it, each decision must
    be signed with the person's key.
    """


@token.command("list", runs="token:list_")
@options.as_json
def token_list() -> None:
    """List tokens, without their secrets."""


@token.command("revoke", runs="token:revoke")
@click.argument("token_id", metavar="ID")
def token_revoke() -> None:
    """End a token at once."""
