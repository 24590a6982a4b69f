"""A conversation in which a model calls tools before it hands in, and where it ends."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from phasegate.authors import RoleTool, ScriptedTools, ToolResult
from phasegate.authors.model import Worker
from phasegate.authors.model.answers import ReviewAnswer
from phasegate.authors.model.toolbox import RoleToolbox, Toolboxes
from phasegate.models import Meter, Prompt, Reply, Result, Scope, ScriptedModel, Stop, Usage, Use
from phasegate.store import Database, locate
from phasegate.team import load_team
from unit.models.metered import MODEL, PRICES

TEAM = load_team()
LOOK = RoleTool(name="aws_look", source="aws.look", description="Look.", parameters={"type": "object"})
DONE: dict[str, Any] = {"findings": []}
SCOPE = Scope(run="r1", role="sre-automation", key="plan/1/1/sre-automation")
ASKED = (Prompt(role="system", text="Review."), Prompt(role="user", text="This."))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await locate(tmp_path).open(lambda _: None)
    yield opened
    await opened.close()


def uses(*names: str) -> Reply:
    """A reply that calls tools, one of them perhaps the hand-in."""
    calls = tuple(
        Use(id=f"u{n}", name=name, arguments=DONE if name == "hand_in" else {}) for n, name in enumerate(names)
    )
    return Reply(uses=calls, stop=Stop.tools, usage=Usage(input=1, output=1))


async def answered(
    database: Database, replies: Sequence[Reply], *, steps: int = 5
) -> tuple[ReviewAnswer, ScriptedModel]:
    card = TEAM.cards["sre-automation"]
    assert card.limits is not None
    limits = card.limits.model_copy(update={"steps": steps})
    model = ScriptedModel(replies, name=MODEL)
    script = ScriptedTools(specs=[LOOK], results=[ToolResult(text=f"seen {n}", source="aws.look") for n in range(9)])
    worker = Worker(
        card=card.model_copy(update={"limits": limits}),
        model=model,
        meter=Meter(database=database, prices=PRICES),
        team=TEAM,
    )
    tools = Toolboxes([RoleToolbox(script.tools("r1", "sre-automation", "plan/1/1"))])

    async def right(_: Any) -> str:
        return ""

    return await worker.answer(SCOPE, ASKED, ReviewAnswer, right, tools), model


async def test_results_come_back_until_it_hands_in(database: Database) -> None:
    answer, model = await answered(database, [uses("aws_look", "aws_look"), uses("aws_look"), uses("hand_in")])
    assert answer.findings == ()
    first, _, last = model.calls
    assert [tool.name for tool in first.tools] == ["aws_look"]
    results = [message for message in last.messages if isinstance(message, Result)]
    assert [result.text.partition("\n")[0] for result in results] == ["[O1]", "[O2]", "[O3]"]
    assert [result.cached for result in results] == [False, False, True]  # the cache point is where it ends
    assert last.messages[: len(first.messages)] == first.messages  # it only grows


async def test_a_hand_in_beside_other_calls_is_asked_for_alone(database: Database) -> None:
    _, model = await answered(database, [uses("hand_in", "aws_look"), uses("hand_in")])
    refused, seen = [message for message in model.calls[1].messages if isinstance(message, Result)]
    assert refused.failed
    assert refused.text == "call 'hand_in' alone, after you have read the results of the other tools"
    assert seen.text.startswith("[O1]")


async def test_without_a_step_left_it_has_to_hand_in(database: Database) -> None:
    _, model = await answered(database, [uses("aws_look")] * 2 + [uses("hand_in")], steps=2)
    last = model.calls[-1]
    assert last.tools == ()
    assert "No step is left" in last.messages[-1].text


async def test_a_tool_that_is_called_without_a_step_left_is_an_answer_of_no_use(database: Database) -> None:
    _, model = await answered(database, [uses("aws_look"), uses("aws_look"), uses("hand_in")], steps=1)
    assert "you called 'aws_look', and an answer is handed in by 'hand_in' alone" in str(model.calls[-1].messages[-1])


async def test_a_killed_run_finds_each_reply_of_its_loop_again(database: Database) -> None:
    replies = [uses("aws_look"), uses("hand_in")]
    await answered(database, replies)
    _, again = await answered(database, [])
    assert again.calls == []
