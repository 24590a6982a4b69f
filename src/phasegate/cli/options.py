"""Options that several commands share."""

from decimal import Decimal, InvalidOperation
from pathlib import Path

import click


class _Money(click.ParamType[Decimal]):
    """An amount of money above zero."""

    name = "amount"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Return the amount, or fail in click's way."""
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal(0)
        if not (amount.is_finite() and amount > 0):
            self.fail(f"'{value}' is not an amount of money such as 2.50", param, ctx)
        return amount


class _Answer(click.ParamType[tuple[int, str]]):
    """An answer to a numbered question, such as `1=running ones alone`."""

    name = "answer"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, str]:
        """Return number and text, or fail in click's way."""
        number, equals, text = str(value).partition("=")
        if not (equals and number.strip().isdecimal() and len(number) < 7 and text.strip()):
            self.fail(f"'{value}' is not an answer such as '1=running ones alone'", param, ctx)
        return int(number), text.strip()


MONEY = _Money()
ANSWER = _Answer()
DAY = click.DateTime(formats=["%Y-%m-%d"])
FILE = click.Path(path_type=Path, dir_okay=False)

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
manager = click.option("--manager", metavar="NAME", help="Who decides; default: whose key is on this machine.")
passphrase_file = click.option(
    "--passphrase-file",
    metavar="FILE",
    type=FILE,
    help="Read the passphrase from FILE, for scripts of the manager's own.",
)
record = click.option("--record", metavar="FILE", type=FILE, help="Keep what chat models reply in FILE.")
replay = click.option("--replay", metavar="FILE", type=FILE, help="Take replies from FILE, and call no chat model.")

region = click.option("--region", "regions", multiple=True, metavar="R", help="Where to look; may be repeated.")
except_region = click.option(
    "--except-region", "excluded", multiple=True, metavar="R", help="Where not to look; may be repeated."
)
as_of = click.option("--as-of", metavar="TIME", help="The time to judge by, in ISO 8601; default: now.")
param = click.option("--param", "params", multiple=True, metavar="K=V", help="Overrides a parameter; may be repeated.")
endpoint_url = click.option("--endpoint-url", metavar="URL", help="Where AWS is; default: AWS_ENDPOINT_URL, or AWS.")
prices = click.option("--prices", type=FILE, metavar="FILE", help="A price table.")
profile = click.option("--profile", metavar="NAME", default="", help="The AWS profile whose credentials to use.")
accounts = click.option(
    "--accounts", metavar="IDS", default="", help="Look into 'current', 'organization', or ids with commas instead."
)

SCREEN = 20
"""Rows of a list that is shown a screen at a time."""
limit = click.option("--limit", type=click.IntRange(min=1), metavar="N", help=f"Show N rows; default: {SCREEN}.")
everything = click.option("--all", "everything", is_flag=True, help="Show every row.")


def most(limit: int | None, everything: bool) -> int:
    """Return the number of rows to read, -1 for all."""
    return limit or (-1 if everything else SCREEN)
