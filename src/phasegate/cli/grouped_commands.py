"""A command group that prints its commands under headings."""

from collections.abc import Mapping, Sequence
from typing import Any

import click


class GroupedCommands(click.Group):
    """Commands in the order and under the headings in which people meet them."""

    def __init__(self, *, headings: Mapping[str, Sequence[click.Command]], **kwargs: Any) -> None:
        super().__init__(commands=[command for group in headings.values() for command in group], **kwargs)
        self._headings = headings

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, heading by heading."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes a section for each heading."""
        width = max(len(name) for name in self.commands)
        limit = formatter.width - width - 6
        for heading, commands in self._headings.items():
            with formatter.section(heading):
                rows = [(str(c.name).ljust(width), c.get_short_help_str(limit)) for c in commands]
                formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the footer as it stands, without filling its lines."""
        if self.epilog:
            formatter.write_paragraph()
            formatter.write(self.epilog.strip("\n") + "\n")
