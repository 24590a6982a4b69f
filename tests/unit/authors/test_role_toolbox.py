"""Tools of a role, offered to a model through the policy, and what it may cite of them."""

from typing import Any

import pytest

from phasegate.authors import RoleTool, ScriptedTools, ToolResult
from phasegate.authors.model.toolbox import HEADING, RoleToolbox, Toolboxes
from phasegate.authors.role_tools import place_of
from phasegate.core import Refused
from phasegate.models import Use

COUNT = RoleTool(
    name="aws_count_resources",
    source="aws.count_resources",
    description="Count.",
    parameters={"type": "object", "properties": {"region": {"type": "string"}}},
)


def box(*results: ToolResult) -> tuple[RoleToolbox, ScriptedTools]:
    script = ScriptedTools(specs=[COUNT], results=results)
    return RoleToolbox(script.tools("r1", "cloud-architect", "plan/1/1")), script


def use(**arguments: Any) -> Use:
    return Use(id="u1", name=COUNT.name, arguments=arguments)


async def test_an_answer_of_a_server_is_data_with_a_mark_to_cite() -> None:
    seen, script = box(ToolResult(text="17 volumes", source="aws.count_resources"))
    assert [spec.name for spec in await seen.specs()] == [COUNT.name]
    result = await seen.call(use(region="eu-west-1"))
    assert result.text.startswith("[O1]\n<<<DATA aws.count_resources ")
    assert "17 volumes" in result.text
    assert script.calls == [("cloud-architect", COUNT.name, {"region": "eu-west-1"})]
    text = seen.with_sources("# Plan\n\nThere are 17 [O1].\n")
    assert f'{HEADING}\n\n- **O1**: `aws.count_resources` `{{"region": "eu-west-1"}}`, answer SHA-256 `' in text
    assert seen.with_sources(text) == text  # a later round lists it once
    assert seen.with_sources("# Plan\n") == "# Plan\n"


async def test_a_refused_call_is_an_error_without_a_mark() -> None:
    seen, _ = box(ToolResult(text="no grant", error=Refused("no grant", reason="needs_grant")))
    result = await seen.call(use())
    assert (result.text, result.failed, seen.seen) == ("no grant", True, [])


async def test_a_citation_of_what_was_not_seen_is_known() -> None:
    seen, _ = box(ToolResult(text="1", source="aws.count_resources"))
    await seen.call(use())
    assert seen.unknown(["as [O1] and [O2] say", "[O0]"]) == ["[O0]", "[O2]"]


async def test_a_tool_that_nobody_has_is_an_error() -> None:
    result = await Toolboxes([]).call(use())
    assert (result.text, result.failed) == ("there is no tool 'aws_count_resources'", True)


@pytest.mark.parametrize(("key", "place"), [("plan/1/2/plan", "plan/1/2"), ("build/1/1/code/T001", "build/1/1")])
def test_a_place_is_the_round_of_a_key(key: str, place: str) -> None:
    assert place_of(key) == place
