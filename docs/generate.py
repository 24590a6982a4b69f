"""Writes the parts of the documentation that follow from code and data; a test holds that they are up to date.

Run it from the top of the repository: `python docs/generate.py`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from phasegate.cli.errors import EXIT_CODES
from phasegate.cli.root import root
from phasegate.team import load_team
from phasegate.workflow.picture import picture

DOCS = Path(__file__).parent


def generated() -> dict[Path, str]:
    """Every page with its generated parts as they must be."""
    page = DOCS / "architecture.md"
    drawn = f"```mermaid\n{picture(load_team().flow('sdlc'))}```"
    commands = DOCS / "cli.md"
    told = _between(commands.read_text(encoding="utf-8"), "commands", "\n".join(_help(root, "phasegate")))
    return {
        page: _between(page.read_text(encoding="utf-8"), "picture", drawn),
        commands: _between(told, "exit codes", _exit_codes()),
    }


def _help(command: click.Command, name: str) -> Iterator[str]:
    """What `--help` prints, of the command and of those below it."""
    context = click.Context(command, info_name=name, **root.context_settings)
    yield f"```text\n$ {name} --help\n{command.get_help(context).strip()}\n```\n"
    for child in command.commands.values() if isinstance(command, click.Group) else ():
        yield from _help(child, f"{name} {child.name}")


def _exit_codes() -> str:
    rows = "\n".join(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items())
    return f"| code | what it says |\n|---|---|\n{rows}"


def _between(text: str, name: str, content: str) -> str:
    """The text with what stands between the marks of that name replaced."""
    marks = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
    pattern = re.compile(f"{re.escape(marks[0])}.*?{re.escape(marks[1])}", re.S)
    return pattern.sub(lambda _: f"{marks[0]}\n{content}\n{marks[1]}", text)


if __name__ == "__main__":
    for path, content in generated().items():
        path.write_text(content, encoding="utf-8")
