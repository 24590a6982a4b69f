"""Generates the parts of the documentation that follow from code and data; a test compares them.

Run it from the top of the repository: `python docs/generate.py`.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import grimp
from langgraph.graph import END, START
from pydantic.json_schema import models_json_schema

from phasegate.cli.program import EXIT_CODES, root
from phasegate.reports.backlog import BacklogItem
from phasegate.reports.decisions import Delegation, Ended, Receipt, Revoked
from phasegate.reports.gate import Gate
from phasegate.reports.inbox import WaitingGate
from phasegate.reports.run import Event, Run, WholeRun
from phasegate.reports.spend import SpendReport
from phasegate.reports.tools import Server
from phasegate.reports.trace import Approval, Trace, Walk
from phasegate.reports.verify import Verification
from phasegate.reports.work import TakenWork, Work
from phasegate.team import Flow, Phase, load_team
from phasegate.workflow.engine.graph import Node, phase_graph

DOCS = Path(__file__).parent
VALUES = (
    *(Run, WholeRun, Event, BacklogItem, WaitingGate, Gate, Trace, Walk, Approval, Delegation),
    *(Receipt, Revoked, Ended, Verification, Server, SpendReport, Work, TakenWork),
)
"""Read models that the terminal, REST and MCP give."""
Arrows = dict[str, set[str]]


def generated() -> dict[Path, str]:
    """Return every page with its generated parts as they must be."""
    page, flow = DOCS / "architecture.md", load_team().flow("sdlc")
    pictures = {
        "rooms": _rooms(_imports()),
        "phase": _phase_graph(flow.phase("plan")),
        "release phase": _phase_graph(flow.phase("release")),
        "workflow": _flow(flow),
    }
    drawn = page.read_text(encoding="utf-8")
    for name, lines in pictures.items():
        drawn = _between(drawn, name, f"```mermaid\n{lines}```")
    commands = DOCS / "cli.md"
    listed = _between(commands.read_text(encoding="utf-8"), "commands", "\n".join(_help(root, "phasegate")))
    values = DOCS / "values.md"
    return {
        page: drawn,
        commands: _between(listed, "exit codes", _exit_codes()),
        values: _between(values.read_text(encoding="utf-8"), "values", "\n\n".join(_values())),
    }


def _imports() -> Arrows:
    """Return which top-level packages each one imports, but for types alone."""
    graph = grimp.build_graph("phasegate", exclude_type_checking_imports=True, cache_dir=None)
    arrows: Arrows = {}
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            start, end = (name.split(".")[1:2] for name in (module, imported))
            if start and end and start != end:
                arrows.setdefault(start[0], set()).add(end[0])
    return arrows


def _rooms(arrows: Arrows) -> str:
    """Draw the packages and their imports as a Mermaid flowchart, without an arrow that follows from others."""
    drawn = sorted(
        f"  {start} --> {end}"
        for start, ends in arrows.items()
        for end in ends
        if not any(end in _reached(arrows, other) for other in ends - {end})
    )
    return "\n".join(["flowchart TB", *drawn]) + "\n"


def _reached(arrows: Arrows, start: str) -> set[str]:
    reached: set[str] = set()
    todo = [start]
    while todo:
        todo += (new := arrows.get(todo.pop(), set()) - reached)
        reached |= new
    return reached


def _flow(flow: Flow) -> str:
    """Draw the phases with their authors, reviewers, checks and gates."""
    return "\n".join(_flow_lines(flow)) + "\n"


def _phase_graph(phase: Phase) -> str:
    """Draw the graph of a phase, with its checks and reviews as one node."""
    edges = phase_graph(phase, _Outline()).get_graph().edges
    names = {START: "start([start])", END: "end_([end])", "gate": "gate{gate}", "judge": "judge[checks and reviews]"}
    order = [START, "turn", "begin", "draft", "join", "judge", "settle", "gate", "consume", *phase.effects, END]
    edges.sort(key=lambda edge: (order.index(edge.source), order.index(edge.target)))
    drawn = [f"  {names.get(e.source, e.source)} {_arrow(e.data)} {names.get(e.target, e.target)}" for e in edges]
    return "\n".join(["flowchart LR", *drawn]) + "\n"


class _Outline:
    """Nodes that are drawn and never run, the checks and reviews as one."""

    def judges(self, phase: Phase) -> Mapping[str, Node]:
        return {"judge": _never}

    def effects(self, phase: Phase) -> Mapping[str, Node]:
        return dict.fromkeys(phase.effects, _never)

    def _step(self, phase: Phase) -> Node:
        return _never

    begin = draft = join = settle = gate = consume = turn = _step


async def _never(state: Any) -> dict[str, Any]:
    raise AssertionError("a node of a picture was run")


def _arrow(outcome: Any) -> str:
    return f"-- {outcome} -->" if outcome else "-->"


def _flow_lines(flow: Flow) -> Iterator[str]:
    yield "flowchart LR"
    yield f"  spec([spec.md + runbook.yaml]) --> {_id(flow.phases[0], 'draft')}"
    for phase, following in zip(flow.phases, [*flow.phases[1:], None], strict=True):
        yield from _phase(phase)
        yield f"  {_id(phase, 'gate')} -- request changes --> {_id(phase, 'draft')}"
        yield f"  {_id(phase, 'gate')} -- approve --> {_id(following, 'draft') if following else 'released'}"
    last = flow.phases[-1]
    yield f"  released([{', '.join(last.effects) or 'released'}])"


def _phase(phase: Phase) -> Iterator[str]:
    authors = "<br>".join(dict.fromkeys(author.role for author in phase.authors))
    yield f'  subgraph {phase.id}["{phase.title}"]'
    yield f'    {_id(phase, "draft")}["{authors}"]'
    judges = [("checks", "<br>".join(phase.checks)), *((r.role, r.role) for r in phase.reviews)]
    for name, label in judges:
        if label:
            yield f'    {_id(phase, "draft")} --> {_id(phase, name)}["{label}"] --> {_id(phase, "gate")}'
    yield f'    {_id(phase, "gate")}{{"{phase.gate.name}"}}'
    yield "  end"


def _id(phase: Phase, part: str) -> str:
    return f"{phase.id}_{part}".replace("-", "_")


def _help(command: click.Command, name: str) -> Iterator[str]:
    """Yield the output of `--help`, of the command and of those below it."""
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
    """Yield a table for each read model, with its fields as users see them."""
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
    """Return the type of a field in words."""
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
    """Replace the text between the marks of a name."""
    marks = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
    pattern = re.compile(f"{re.escape(marks[0])}.*?{re.escape(marks[1])}", re.S)
    return pattern.sub(lambda _: f"{marks[0]}\n{content}\n{marks[1]}", text)


if __name__ == "__main__":
    for path, content in generated().items():
        path.write_text(content, encoding="utf-8")
