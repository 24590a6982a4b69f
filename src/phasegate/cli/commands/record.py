"""Backups."""

from pathlib import Path

import click

from phasegate.cli import options
from phasegate.cli.commands.command import Command


@click.command(cls=Command, runs="backup:backup")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
def backup() -> None:
    """Write the record into one file.

    It holds the database, the system's key, the managers' encrypted keys, the package index and the commits of all
    runs, and is consistent while a worker works. Keep it where only you can read it. FILE is by default
    PROJECT-DATE.phasegate.tar.gz.
    """


@click.command(cls=Command, runs="backup:restore")
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--replace", is_flag=True, help="Put a record that is there aside.")
@click.option("--forget-runs", is_flag=True, help="Begin an empty record instead, though runs were here.")
@options.as_json
def restore() -> None:
    """Put the record back from a backup, and prove it.

    A record that is there stays, unless --replace puts it aside. Branches stay where they are; those that are missing
    are made.
    """
