"""Writes the parts of the documentation that follow from code and data; a test holds that they are up to date.

Run it from the top of the repository: `python docs/generate.py`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from pydantic.json_schema import models_json_schema

from phasegate.cli.root import EXIT_CODES, root
from phasegate.reports.backlog import BacklogItem
from phasegate.reports.decisions import Delegation, Ended, Receipt, Revoked
from phasegate.reports.gate import Gate
from phasegate.reports.inbox import WaitingGate
from phasegate.reports.run import Event, Run, WholeRun
from phasegate.reports.tools import Server
from phasegate.reports.trace import Approval, Trace, Walk
from phasegate.reports.verify import Verification
from phasegate.team import load_team
from phasegate.workflow.engine.diagram import picture

DOCS = Path(__file__).parent
VALUES = (
    *(Run, WholeRun, Event, BacklogItem, WaitingGate, Gate, Trace, Walk, Approval, Delegation),
    *(Receipt, Revoked, Ended, Verification, Server),
)
"""Read models that the terminal, REST and MCP give."""


def generated() -> dict[Path, str]:
    """Every page with its generated parts as they must be."""
    page = DOCS / "architecture.md"
    drawn = f"```mermaid\n{picture(load_team().flow('sdlc'))}```"
    commands = DOCS / "cli.md"
    told = _between(commands.read_text(encoding="utf-8"), "commands", "\n".join(_help(root, "phasegate")))
    values = DOCS / "values.md"
    return {
        page: _between(page.read_text(encoding="utf-8"), "picture", drawn),
        commands: _between(told, "exit codes", _exit_codes()),
        values: _between(values.read_text(encoding="utf-8"), "values", "\n\n".join(_values())),
    }


def _help(command: click.Command, name: str) -> Iterator[str]:
    """What `--help` prints, of the command and of those below it."""
    context = click.Context(command, info_name=name, **root.context_settings)
    yield f"```text\n$ {name} --help\n{command.get_help(context).strip()}\n```\n"
    for below in command.list_commands(context) if isinstance(command, click.Group) else ():
        child = command.get_command(context, below)
        assert child
        yield from _help(child, f"{name} {below}")


def _exit_codes() -> str:
    rows = "\n".join(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items())
    return f"| code | what it says |\n|---|---|\n{rows}"


def _values() -> Iterator[str]:
    """A table for each read model, with its fields as users see them."""
    _, schema = models_json_schema([(model, "serialization") for model in VALUES])
    known = schema["$defs"]
    for name, model in known.items():
        if "properties" in model:
            rows = [
                f"| `{n}` | {_type(f, known)} | {f.get('description', '')} |" for n, f in model["properties"].items()
            ]
            yield "\n".join(
                [f"## {name}\n\n{model['description']}\n\n| field | type | meaning |\n|---|---|---|", *rows]
            )


def _type(schema: dict[str, Any], known: dict[str, Any]) -> str:
    """The type of a field in words."""
    match schema:
        case {"$ref": ref}:
            name = ref.rpartition("/")[2]
            return _type(known[name], known) if "enum" in known[name] else f"[{name}](#{name.lower()})"
        case {"anyOf": options}:
            return " or ".join(_type(each, known) for each in options)
        case {"enum": values}:
            return ", ".join(f"`{each}`" for each in values)
        case {"type": "array", "items": item}:
            return f"list of {_type(item, known)}"
    return str(schema.get("format") or schema.get("type"))


def _between(text: str, name: str, content: str) -> str:
    """The text with what stands between the marks of that name replaced."""
    marks = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
    pattern = re.compile(f"{re.escape(marks[0])}.*?{re.escape(marks[1])}", re.S)
    return pattern.sub(lambda _: f"{marks[0]}\n{content}\n{marks[1]}", text)


if __name__ == "__main__":
    for path, content in generated().items():
        path.write_text(content, encoding="utf-8")
