"""Commands whose work stands in a module that is imported only when they run, and the group that lists all of them."""

import asyncio
import gc
import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import click


class Command(click.Command):
    """A command that calls a function of another module, imported only when it runs: help needs no engine.

    Args:
        runs: the function, as `module:function` below `phasegate.cli`. It takes the command's parameters by name, and
            may be a coroutine function.
    """

    def __init__(self, *, runs: str, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "callback": self._call})
        self._runs = runs

    def function(self) -> Callable[..., Any]:
        """Import the function."""
        module, _, name = self._runs.partition(":")
        # Modules that load make little garbage: to look for it again and again is a twentieth of a short command.
        gc.disable()
        try:
            found: Callable[..., Any] = getattr(import_module(f"phasegate.cli.{module}"), name)
        finally:
            gc.enable()
        return found

    def _call(self, **given: Any) -> Any:
        found = self.function()(**given)
        return asyncio.run(found) if inspect.iscoroutine(found) else found


class Group(click.Group):
    """A group of such commands."""

    command_class = Command


class HeadedGroup(click.Group):
    """Commands under headings.

    Args:
        headings: commands by heading, in the order of the help.
    """

    def __init__(self, *, headings: Mapping[str, Sequence[click.Command]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._headings = headings
        for command in (command for group in headings.values() for command in group):
            self.add_command(command)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, heading by heading: click would sort them."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each heading."""
        width = max(map(len, self.commands))
        for heading, group in self._headings.items():
            with formatter.section(heading):
                # The whole first line: click would cut it at 45 characters.
                rows = [(str(each.name).ljust(width), str(each.help).partition("\n")[0]) for each in group]
                formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the footer with its own line breaks."""
        if self.epilog:
            formatter.write_paragraph()
            formatter.write(self.epilog.strip("\n") + "\n")
