"""What the command says of itself."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from phasegate.cli.root import EXIT_CODES, HEADINGS, root
from phasegate.core import PhasegateError

TOP = click.Context(root)


def commands(group: click.Group, prefix: str = "") -> list[str]:
    found = []
    for name in group.list_commands(TOP):
        found.append(f"{prefix}{name}")
        command = group.get_command(TOP, name)
        if isinstance(command, click.Group):
            found += commands(command, f"{prefix}{name} ")
    return found


def test_help_is_short_and_groups_every_command() -> None:
    said = CliRunner().invoke(root, ["--help"]).output
    assert [line[:-1] for line in said.splitlines() if line.endswith(":")][1:-1] == list(HEADINGS)
    assert len(said.splitlines()) <= 60
    assert all(len(line) <= 80 for line in said.splitlines())


@pytest.mark.parametrize("command", commands(root))
def test_every_command_explains_itself_within_80_columns(command: str) -> None:
    said = CliRunner().invoke(root, [*command.split(), "--help"])
    assert said.exit_code == 0
    assert all(len(line) <= 80 for line in said.output.splitlines())


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'langgraph', 'dbos', 'sqlalchemy', 'boto3', 'botocore', 'rich', 'pydantic', 'pygit2', 'moto'}"
    shown = "from phasegate.cli.root import root; root(['--help'], standalone_mode=False)"
    look = f"import sys; {shown}; print(sorted({heavy} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(("name", "summary"), [row for group in HEADINGS.values() for row in group.items()])
def test_the_list_of_commands_says_what_their_own_help_says_and_whole(name: str, summary: str) -> None:
    command = root.get_command(TOP, name)
    assert command
    assert command.name == name
    assert command.get_short_help_str(limit=200) == summary


def test_opening_a_repository_for_a_list_imports_neither_templates_nor_engine() -> None:
    heavy = "{'jinja2', 'langgraph', 'dbos', 'boto3', 'botocore'}"
    opened = "import phasegate.app.app, phasegate.team, sys; phasegate.team.load_team(parse_prompts=False)"
    look = f"{opened}; print(sorted({heavy} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_every_exit_code_of_an_error_is_documented() -> None:
    codes = {PhasegateError.exit_code, *(error.exit_code for error in PhasegateError.__subclasses__())}
    assert codes < set(EXIT_CODES)
