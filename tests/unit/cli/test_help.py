"""What the command says of itself."""

import inspect
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from phasegate.cli.commands.command import Command
from phasegate.cli.program import EXIT_CODES, HEADINGS, root
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


def declared(words: str) -> click.Command:
    command: click.Command | None = root
    for word in words.split():
        assert isinstance(command, click.Group)
        command = command.get_command(TOP, word)
    assert command
    return command


def test_help_is_short_and_groups_every_command() -> None:
    said = CliRunner().invoke(root, ["--help"]).output
    assert [line[:-1] for line in said.splitlines() if line.endswith(":")][1:-1] == list(HEADINGS)
    assert len(said.splitlines()) <= 66
    assert all(len(line) <= 80 for line in said.splitlines())


@pytest.mark.parametrize("command", commands(root))
def test_every_command_explains_itself_within_80_columns(command: str) -> None:
    said = CliRunner().invoke(root, [*command.split(), "--help"])
    assert said.exit_code == 0
    assert all(len(line) <= 80 for line in said.output.splitlines())


def test_help_of_every_command_imports_nothing_that_the_command_works_with() -> None:
    helps = [[*command.split(), "--help"] for command in ("", *commands(root))]
    shown = f"from phasegate.cli.program import root\nfor words in {helps}: root(words, standalone_mode=False)"
    look = f"import sys\n{shown}\nprint(*{{name.partition('.')[0] for name in sys.modules}}, len(sys.modules))"
    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    *imported, count = said.stdout.splitlines()[-1].split()
    heavy = {"langgraph", "dbos", "sqlalchemy", "botocore", "mcp", "rich", "pydantic", "pygit2", "moto"}
    assert "click" in imported
    assert not heavy & set(imported)
    assert int(count) < 500  # to import one command's work brings more than a thousand


@pytest.mark.parametrize("words", [name for name in commands(root) if not isinstance(declared(name), click.Group)])
def test_the_function_of_every_command_takes_the_parameters_that_are_declared(words: str) -> None:
    command = declared(words)
    assert isinstance(command, Command)
    assert {param.name for param in command.params} == set(inspect.signature(command.function()).parameters)


@pytest.mark.parametrize("name", root.list_commands(TOP))
def test_the_list_of_commands_says_what_their_own_help_says_and_whole(name: str) -> None:
    said = " ".join(CliRunner().invoke(root, ["--help"]).output.split())
    command = root.get_command(TOP, name)
    assert command
    assert f" {name} {command.get_short_help_str(limit=200)}" in said


def test_opening_a_repository_for_a_list_imports_neither_templates_nor_engine() -> None:
    heavy = "{'jinja2', 'langgraph', 'dbos', 'boto3', 'botocore'}"
    opened = "import phasegate.app.app, phasegate.team, sys; phasegate.team.load_team(parse_prompts=False)"
    look = f"{opened}; print(sorted({heavy} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_every_exit_code_of_an_error_is_documented() -> None:
    codes = {PhasegateError.exit_code, *(error.exit_code for error in PhasegateError.__subclasses__())}
    assert codes < set(EXIT_CODES)
