"""What roles saw with their tools is in a recording, and is replayed without a server."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from phasegate.authors import RoleTool, ScriptedTools, ToolResult
from phasegate.authors.recorded_tools import RecordingTools, ReplayTools
from phasegate.core import Refused
from phasegate.models import ModelFailed, Recording

COUNT = RoleTool(name="aws_count", source="aws.count", description="Count.", parameters={"type": "object"})
AT = ("r1", "cloud-architect", "plan/1/1")
SECRET = "AKIA" + "IOSFODNN7EXAMPLF"


async def test_a_replay_is_offered_and_answered_what_the_run_was(tmp_path: Path) -> None:
    script = ScriptedTools(
        specs=[COUNT],
        results=[
            ToolResult(text="17", source="aws.count"),
            ToolResult(text="18", source="aws.count"),
            ToolResult(text="no grant", error=Refused("no grant", reason="needs_grant")),
        ],
    )
    recording = Recording.begin(tmp_path / "run.jsonl", datetime(2026, 11, 30, tzinfo=UTC))
    tools = RecordingTools(inner=script, recording=recording).tools(*AT)
    offered = await tools.list()
    said = [await tools.call("aws_count", {"region": "a"}) for _ in range(2)]
    refused = await tools.call("aws_count", {"region": "b"})

    again = ReplayTools(recording=Recording.read(tmp_path / "run.jsonl")).tools("another", *AT[1:])
    assert await again.list() == offered == [COUNT]
    assert [(await again.call("aws_count", {"region": "a"})).prompt for _ in range(2)] == [each.prompt for each in said]
    other = await again.call("aws_count", {"region": "b"})
    assert (other.prompt, other.error is not None) == (refused.prompt, True)


async def test_what_was_not_called_is_refused(tmp_path: Path) -> None:
    recording = Recording.begin(tmp_path / "run.jsonl", datetime(2026, 11, 30, tzinfo=UTC))
    tools = ReplayTools(recording=recording).tools(*AT)
    assert await tools.list() == []
    with pytest.raises(ModelFailed, match="has nothing left of 'cloud-architect/plan/1/1/aws_count/"):
        await tools.call("aws_count", {})


async def test_no_secret_that_a_server_told_is_recorded(tmp_path: Path) -> None:
    script = ScriptedTools(specs=[COUNT], results=[ToolResult(text=f"key {SECRET}", source="aws.count")])
    recording = Recording.begin(tmp_path / "run.jsonl", datetime(2026, 11, 30, tzinfo=UTC))
    await RecordingTools(inner=script, recording=recording).tools(*AT).call("aws_count", {})
    assert SECRET not in (tmp_path / "run.jsonl").read_text()
