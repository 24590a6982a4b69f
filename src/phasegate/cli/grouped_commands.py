"""Commands that are coroutines, and groups that import a command when it is needed."""

import asyncio
import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class Command(click.Command):
    """A command whose callback may be a coroutine function."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the callback, a coroutine function in an event loop of its own."""
        found = super().invoke(ctx)
        return asyncio.run(found) if inspect.iscoroutine(found) else found


class Group(click.Group):
    """A group whose commands may be coroutine functions."""

    command_class = Command


class LazyGroup(click.Group):
    """Commands under headings, each imported from its module when it runs or its help is shown.

    Args:
        package: where the modules of the commands are.
        headings: summaries by command and heading, in the order of the help. A command is the attribute of its name in
            the module that its name or `modules` names.
        modules: names of modules that hold a command of another name.
    """

    def __init__(
        self,
        *,
        package: str,
        headings: Mapping[str, Mapping[str, str]],
        modules: Mapping[str, str],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._package, self._headings, self._modules = package, headings, modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, heading by heading."""
        return [name for group in self._headings.values() for name in group]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of that name, or return None."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = import_module(f"{self._package}.{self._modules.get(cmd_name, cmd_name)}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each heading, without importing any command."""
        width = max(map(len, self.list_commands(ctx)))
        for heading, group in self._headings.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), summary) for name, summary in group.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the footer with its own line breaks."""
        if self.epilog:
            formatter.write_paragraph()
            formatter.write(self.epilog.strip("\n") + "\n")
