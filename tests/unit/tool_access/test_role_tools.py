"""Tools of a role as an author's loop has them, over a server that behaves as bad ones do."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from phasegate.app import open_app
from phasegate.authors import RoleTool, RoleTools, ScriptedTools, ToolAccess, ToolResult
from phasegate.core import FixedClock, PhasegateError, Refused, Unknown
from phasegate.ledger.events import ToolCalled
from phasegate.tool_access.role_tools import ClientTools, open_run_tools
from services.handling import Handling, granted
from unit.authors.sample_spec import FOLDER, NOW, sample_repository

PROGRAM = Path(__file__).parents[2] / "services" / "faulty_server.py"
RULES: dict[str, Any] = {
    "store": "write",
    "store_slowly": "write",
    "drop": "destructive",
    "sees": {"effect": "read", "roles": ["qa-specialist"]},
    "*": "read",
}


@asynccontextmanager
async def role_tools(state: Path, *writes: str, ways: str = "") -> AsyncIterator[tuple[RoleTools, Handling]]:
    """The tools of the SRE, all of them granted as they are described."""
    server = {
        "command": [sys.executable, str(PROGRAM)],
        "env": ["STRANGE_STATE", "STRANGE_WAYS"],
        "roles": ["sre-automation"],
        "tools": RULES,
    }
    handling = Handling({"strange": server}, {"STRANGE_STATE": str(state), "STRANGE_WAYS": ways})
    async with handling.hands() as client:
        shown = await client.sessions.tools(client.policy.servers["strange"])
        handling.grants.append(granted("strange", shown, *writes))
        yield ClientTools(client=client), handling


async def test_a_role_is_told_of_what_it_may_call_and_of_nothing_else(tmp_path: Path) -> None:
    async with role_tools(tmp_path, "store") as (tools, _):
        specs = await tools.list()
    names = [spec.name for spec in specs]
    assert names == sorted(names)
    assert {"strange_echo", "strange_store"} <= set(names)
    assert not {"strange_drop", "strange_sees", "strange_store_slowly"} & set(names)
    echo = next(spec for spec in specs if spec.name == "strange_echo")
    assert (echo.source, echo.description) == ("strange.echo", "Gives back what it is given.")
    assert set(echo.parameters["properties"]) == {"text", "region", "options"}
    assert "title" not in str(echo.parameters)


async def test_a_call_is_answered_as_data_and_recorded(tmp_path: Path) -> None:
    async with role_tools(tmp_path, ways="leaks") as (tools, handling):
        result = await tools.call("strange_echo", {"text": "approve \u202eall"})
    assert (result.text, result.error) == ('{"result": "approve <U+202E>all (secret) and (secret)"}', None)
    assert result.data == {"result": "approve <U+202E>all (secret) and (secret)"}
    assert result.prompt.startswith("<<<DATA strange.echo ")
    assert handling.outcomes == ["answered"]


async def test_a_name_that_no_provider_takes_is_written_otherwise(tmp_path: Path) -> None:
    async with role_tools(tmp_path) as (tools, handling):
        result = await tools.call("strange_v1_echo_" + "0" * 8, {})
        assert isinstance(result.error, Refused)
        (name,) = [spec.name for spec in await tools.list() if spec.source == "strange.v1.echo"]
        again = ClientTools(client=tools.client) if isinstance(tools, ClientTools) else tools  # after a crash
        assert (await again.call(name, {})).data == {"result": "dotted"}
    assert name.startswith("strange_v1_echo_")
    assert handling.outcomes[-1] == "answered"


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("strange_drop", {"name": "x"}, "never_granted"),
    ("strange_store", {"text": "x"}, "needs_grant"),
    ("strange_sees", {}, "role_not_allowed"),
    ("strange_unheard_of", {}, "tool_unknown"),
    ("nonsense", {}, "tool_not_listed"),
    ("other_server", {}, "tool_not_listed"),
    ("strange_echo", {"text": float("nan")}, "not_json"),
    ("strange_echo", {"text": 2**60}, "not_json"),
    ("strange_echo", {"text": "\ud800"}, "not_json"),
]


async def test_what_the_policy_refuses_is_an_error_in_our_words(tmp_path: Path) -> None:
    async with role_tools(tmp_path) as (tools, handling):
        results = [await tools.call(name, arguments) for name, arguments, _ in REFUSED]
    errors = [result.error for result in results if isinstance(result.error, Refused)]
    assert [error.reason for error in errors] == [reason for _, _, reason in REFUSED]
    assert [result.prompt for result in results] == [error.full_text for error in errors]
    assert handling.outcomes == [f"refused: {reason}" for _, _, reason in REFUSED]
    assert not any((tmp_path / name).exists() for name in ("store", "drop", "echo"))


async def test_a_failure_of_the_tool_is_data_with_an_error(tmp_path: Path) -> None:
    async with role_tools(tmp_path) as (tools, handling):
        result = await tools.call("strange_echo", {"text": 5})
    assert isinstance(result.error, PhasegateError)
    assert "<<<DATA strange.echo " in result.prompt
    assert handling.outcomes == ["failed"]


async def test_a_write_whose_answer_is_lost_is_unknown(tmp_path: Path) -> None:
    async with role_tools(tmp_path, "store", ways="dies") as (tools, handling):
        result = await tools.call("strange_store", {"text": "x"})
    assert isinstance(result.error, Unknown)
    assert handling.outcomes == ["unknown"]


async def test_a_call_that_is_given_up_is_recorded(tmp_path: Path) -> None:
    async with role_tools(tmp_path) as (tools, handling):
        call = asyncio.ensure_future(tools.call("strange_never", {}))
        while not (tmp_path / "never").exists():  # noqa: ASYNC110 - a program writes it
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert handling.outcomes == ["cancelled"]


async def test_aws_is_offered_where_a_region_is_in_scope(tmp_path: Path) -> None:
    target = sample_repository(tmp_path / "target", endpoint="http://127.0.0.1:9")
    async with open_app(target, clock=FixedClock(NOW)) as app, open_run_tools(app) as access:
        run = await app.start(target / FOLDER)
        assert await shared(access).tools(run.id, "sre-automation", "plan/1/1").list() == []


async def test_calls_are_events_of_the_run_at_their_place(tmp_path: Path) -> None:
    target = sample_repository(tmp_path / "target", endpoint="http://127.0.0.1:9")
    config = target / "phasegate.toml"
    config.write_text(config.read_text().replace("[aws]", '[aws]\ninventory = ["us-east-1"]'))
    async with open_app(target, clock=FixedClock(NOW)) as app, open_run_tools(app) as access:
        run = await app.start(target / FOLDER)
        tools = shared(access).tools(run.id, "sre-automation", "plan/1/2/plan")
        assert {spec.source.partition(".")[0] for spec in await tools.list()} == {"aws"}
        result = await tools.call("aws_caller_identity", {})
        other = await shared(access).tools(run.id, "product-owner", "specify/1/1").call("aws_caller_identity", {})
        events = await app.ledger.events_of(run.id, ToolCalled)
    assert isinstance(result.error, PhasegateError)
    assert isinstance(other.error, Refused)
    assert [(event.scope, event.tool, event.role, event.outcome) for event in events] == [
        ("plan/1/2/plan", "aws.caller_identity", "sre-automation", "failed"),
        ("specify/1/1", "aws.caller_identity", "product-owner", "refused: role_not_allowed"),
    ]


def shared(access: ToolAccess) -> ToolAccess:
    """The implementation is what the seam asks for."""
    return access


async def test_a_script_hands_over_its_results_and_notes_the_calls() -> None:
    spec = RoleTool(name="aws_x", source="aws.x", description="X.", parameters={"type": "object"})
    script = ScriptedTools(specs=[spec], results=[ToolResult(text="5", data=5, source="aws.x")])
    tools = shared(script).tools("r1", "cloud-architect", "plan/1/1")
    assert await tools.list() == [spec]
    assert (await tools.call("aws_x", {"a": 1})).data == 5
    assert script.calls == [("cloud-architect", "aws_x", {"a": 1})]
    with pytest.raises(PhasegateError, match="no result is left for 'aws_x'"):
        await tools.call("aws_x", {})
