"""Options that several commands share."""

from pathlib import Path

import click

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
manager = click.option("--manager", metavar="NAME", help="Who decides; default: whose key is on this machine.")
passphrase_file = click.option(
    "--passphrase-file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Read the passphrase from FILE, for scripts of the manager's own.",
)
