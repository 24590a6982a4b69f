"""Terminal, REST and MCP give the same fields of the same object, and document each of them."""

import asyncio
import html
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from phasegate.authors import Report as Judged
from phasegate.cli.program import root
from phasegate.core import Finding, Severity
from phasegate.identity import Scope
from phasegate.mcp_server import build
from services.calling import called, listed
from unit.authors.sample_spec import FACTS, FOLDER, SPEC, files
from unit.authors.test_checks import judged
from unit.web.fixtures import WebServer, web_server
from unit.web.test_api import API, program

Value = Any


class Object(NamedTuple):
    """One object, and where each face gives it; an empty place: that face does not have it."""

    terminal: str = ""
    rest: str = ""
    tool: str = ""
    within: str = ""
    """The tool's field that holds the list."""
    of: str = ""
    """The field of the terminal's answer that is meant."""


OBJECTS = {
    "runs": Object("status", "runs", "list_runs", "runs"),
    "run": Object("status RUN", "runs/RUN", "get_run"),
    "gates": Object("gates", "gates", "list_gates", "gates"),
    "gate": Object("gate RUN/specify/2", "gates/RUN/specify/2"),
    "gate that was decided": Object("gate RUN/specify/1", "gates/RUN/specify/1"),
    "findings": Object("gate RUN/specify/2", "gates/RUN/specify/2/findings", "list_findings", "findings", "findings"),
    "specs": Object("", "specs", "list_specs", "specs"),
    "trace": Object("trace RUN", "runs/RUN/trace", "get_trace"),
    "approvals": Object("trace --by ada", "audit?by=ada"),
    "delegations": Object("delegate --list", "delegations"),
}
OF_PAGES = ("next_cursor",)
"""What a tool's answer has because it comes in pages."""


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[WebServer]:
    async with web_server(tmp_path, managers=("ada", "amy")) as found:
        yield found


async def test_each_face_gives_the_same_and_documents_it(here: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await _worked(here)
    monkeypatch.chdir(here.app.folder.path)
    for name, found in OBJECTS.items():
        given = [
            await read(here, found, run)
            for face, read in (("terminal", _terminal), ("rest", _rest), ("tool", _tool))
            if getattr(found, face)
        ]
        assert len(given) > 1, name
        assert given[0], name
        assert all(value == given[0] for value in given), name


async def test_a_criterion_that_no_machine_compared_is_said_at_each_face(
    here: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    vague = SPEC.replace("a volume in state `in-use`", "a volume in the colour `green`", 1)
    here.script.reports["spec-lint"] = await judged("spec-lint", files(vague), FACTS)
    key = await here.gate()
    monkeypatch.chdir(here.app.folder.path)
    async with here.browser("ada") as ada:
        page = html.unescape((await ada.client.get(f"/gates/{key}")).text)
    async with program(here, Scope.read) as client:
        rest = (await client.get(f"{API}/gates/{key.run}/specify/1")).json()
    told = await asyncio.to_thread(CliRunner().invoke, root, ["gate", str(key)], obj=here.clock)
    terminal = " ".join(told.output.split())
    said = "AC-002 was not checked against runbook.yaml: '`green`': runbook.yaml reads nothing that is called `green`"
    (finding,) = [each for each in rest["findings"] if each["rule"] == "unchecked-criterion"]
    assert finding["message"].startswith(said)
    assert finding["requirement"] == "AC-002"
    for shown in (terminal, page):
        assert said in shown
        assert "name what decides as runbook.yaml does" in shown
    assert "1 requirements, 2 acceptance criteria, 1 compared with runbook.yaml" in page


async def _worked(here: WebServer) -> str:
    """A run whose first gate was sent back, and whose second waits; a delegation, and a spec in the backlog."""
    finding = Finding(check="spec-lint", rule="vague", severity=Severity.medium, path="spec.md", line=3, message="x")
    here.script.reports["spec-lint"] = Judged(findings=(finding,))
    key = await here.gate()
    async with here.browser("ada") as ada:
        sent_back = await ada.decide(key, "request-changes", comment="Shorter.", comment_path="", comment_line="")
        assert sent_back.status_code == 303
        assert (
            await ada.delegates("amy", **{"from": "2026-11-20"}, until="2026-11-30", gate=["plan"])
        ).status_code == 303
    await here.segments.advance(key.run)
    other = here.app.folder.path / "specs" / "002-more"
    other.mkdir()
    for file in (here.app.folder.path / FOLDER).iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    return key.run


async def _terminal(here: WebServer, found: Object, run: str) -> Value:
    words = [*found.terminal.replace("RUN", run).split(), "--json"]
    answer = await asyncio.to_thread(CliRunner().invoke, root, words, obj=here.clock)
    assert answer.exit_code == 0, answer.output
    value = json.loads(answer.output)
    return value[found.of] if found.of else value


async def _rest(here: WebServer, found: Object, run: str) -> Value:
    path = found.rest.replace("RUN", run)
    async with program(here, Scope.read) as client:
        answer = await client.get(f"{API}/{path}")
        document = (await client.get(f"{API}/openapi.json")).json()
    assert answer.status_code == 200, answer.text
    template = "/" + found.rest.partition("?")[0].replace("RUN/specify/2", "{run}/{phase}/{attempt}")
    template = template.replace("RUN/specify/1", "{run}/{phase}/{attempt}").replace("RUN", "{run}")
    (route,) = [route for at, route in document["paths"].items() if at.endswith(template) and "get" in route]
    schema = route["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    _documented(answer.json(), schema, lambda ref: document["components"]["schemas"][ref.rpartition("/")[2]])
    value = answer.json()
    return value["items"] if isinstance(value, dict) and "items" in value else value


async def _tool(here: WebServer, found: Object, run: str) -> Value:
    server = build(here.app, {})
    tool = (await listed(server))[found.tool]
    value = await called(server, found.tool, **({"run": run} if "run" in tool.inputSchema["properties"] else {}))
    schema = tool.outputSchema or {}
    _documented(value, schema, lambda ref: schema["$defs"][ref.rpartition("/")[2]])
    return value[found.within] if found.within else {k: v for k, v in value.items() if k not in OF_PAGES}


def _documented(value: Value, schema: dict[str, Any], resolve: Callable[[str], dict[str, Any]], at: str = "") -> None:
    """Hold a value against its schema: exactly the schema's fields, at every depth."""
    while "$ref" in schema:
        schema = resolve(schema["$ref"])
    if "anyOf" in schema and value is not None:
        schema = next(each for each in schema["anyOf"] if each.get("type") != "null")
        return _documented(value, schema, resolve, at)
    if isinstance(value, dict) and "properties" in schema:
        assert schema.get("additionalProperties", False) is False, at
        assert set(value) == set(schema["properties"]), at
        for name, each in value.items():
            _documented(each, schema["properties"][name], resolve, f"{at}.{name}")
    if isinstance(value, list):
        assert "items" in schema, at
        for each in value:
            _documented(each, schema["items"], resolve, f"{at}[]")
    return None
