"""Chat models of LangChain behind the seam, over the wire of a local Bedrock."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from phasegate.models import Call, ModelFailed, Reply, Stop, ToolSpec
from phasegate.models.chat import Prompt, Result
from phasegate.models.langchain import LangChainModel, Settings
from services import serve
from services.bedrock import REGION, SONNET, BedrockService, environ
from services.bedrock_models import LLAMA_3_1, SONNET_5_5, through_profile
from services.model_answers import (
    Answer,
    denied,
    internal,
    malformed,
    not_ready,
    refusal,
    structured,
    text,
    throttled,
    timed_out,
    truncated_document,
    unavailable,
)
from services.openai_compatible import KEY as OPENAI_KEY
from services.openai_compatible import MODEL as OPENAI_MODEL
from services.openai_compatible import OpenAIService

HAND_IN = ToolSpec(
    name="hand_in",
    description="An answer.",
    parameters={"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]},
)
QUICK: dict[str, Any] = {"wait": 0.001, "longest_wait": 0.01}
LONG = "Plain words that a cache may hold. " * 400


@pytest.fixture
def bedrock(monkeypatch: pytest.MonkeyPatch) -> Iterator[BedrockService]:
    service = BedrockService()
    with serve(service) as address:
        for name, value in environ(address).items():
            monkeypatch.setenv(name, value)
        yield service


def model(id: str = SONNET, **settings: Any) -> LangChainModel:
    options = {"region_name": REGION}
    return LangChainModel(name=f"bedrock_converse:{id}", settings=Settings(options=options, **{**QUICK, **settings}))


def call() -> Call:
    system = Prompt(role="system", text=LONG, cached=True)
    return Call(messages=(system, Prompt(role="user", text="Name it.")), hand_in=HAND_IN)


async def asked(service: BedrockService, *answers: Answer, id: str = SONNET, **settings: Any) -> Reply:
    service.answers(list(answers))
    return await model(id, **settings).complete(call(), lambda _: None)


async def test_an_answer_is_handed_in_by_a_forced_tool_in_a_stream_with_cache_points_and_usage(
    bedrock: BedrockService,
) -> None:
    lengths: list[int] = []
    bedrock.answers([structured({"title": "Volumes"}).costing(input=900, output=20, cache_read=700, cache_write=100)])
    reply = await model().complete(call(), lengths.append)
    assert reply.uses[0].arguments == {"title": "Volumes"}
    assert (bedrock.last.choice, bedrock.last.streams, bedrock.last.cache_points) == ("hand_in", True, 1)
    assert reply.usage is not None
    assert (reply.usage.input, reply.usage.output, reply.usage.cache_read) == (1700, 20, 700)
    assert lengths == sorted(lengths)
    assert lengths[-1] > 0


@pytest.mark.parametrize("id", [through_profile(SONNET_5_5), LLAMA_3_1.id])
async def test_a_model_without_forced_tools_is_asked_without_force(bedrock: BedrockService, id: str) -> None:
    reply = await asked(bedrock, structured({"title": "Volumes"}), id=id)
    assert (bedrock.last.choice, "hand_in" in bedrock.last.tools) in ((("", True)), ("auto", True))
    assert reply.uses[0].arguments == {"title": "Volumes"}
    assert bedrock.last.cache_points == (1 if "anthropic" in id else 0)


async def test_native_structured_output_is_text_of_the_schema(bedrock: BedrockService) -> None:
    bedrock.answers([structured({"title": "Volumes"})])
    settings = Settings(options={"region_name": REGION}, native=True)
    native = LangChainModel(name=f"bedrock_converse:{SONNET}", settings=settings)
    reply = await native.complete(call(), lambda _: None)
    assert (reply.text, bedrock.last.schema is not None) == ('{"title": "Volumes"}', True)


@pytest.mark.parametrize(
    "busy",
    [throttled(), throttled("0.001"), timed_out(), unavailable(), internal(), not_ready()],
    ids=["throttled", "throttled with a time", "timed out", "unavailable", "internal", "not ready"],
)
async def test_a_busy_provider_is_asked_again(bedrock: BedrockService, busy: Answer) -> None:
    reply = await asked(bedrock, busy, busy, structured({"title": "x"}))
    assert (reply.stop, len(bedrock.asked)) == (Stop.tools, 3)


async def test_throttling_in_the_middle_of_a_stream_is_a_retry_of_the_whole_call(bedrock: BedrockService) -> None:
    broken = text("word " * 200).interrupted(throttled(), after=2)
    reply = await asked(bedrock, broken, structured({"title": "x"}))
    assert (reply.text, reply.uses[0].arguments) == ("", {"title": "x"})


async def test_a_connection_that_is_lost_is_a_retry(bedrock: BedrockService) -> None:
    reply = await asked(bedrock, text("word " * 200).torn(), structured({"title": "x"}))
    assert reply.uses[0].arguments == {"title": "x"}


async def test_an_answer_that_broke_off_without_a_stream_is_a_retry(bedrock: BedrockService) -> None:
    reply = await asked(bedrock, structured({"title": "y"}).torn(1), structured({"title": "x"}), id=LLAMA_3_1.id)
    assert reply.uses[0].arguments == {"title": "x"}
    assert [asked.streams for asked in bedrock.asked] == [False, False]


async def test_answers_that_always_break_off_may_come_from_another_service(bedrock: BedrockService) -> None:
    torn = structured({"title": "y"}).torn(1)
    with pytest.raises(ModelFailed, match=r"failed after 1 retries: .*No 'output' key") as caught:
        await asked(bedrock, torn, torn, id=LLAMA_3_1.id, attempts=2)
    assert "region_name" in caught.value.fix


async def test_retries_end_and_say_how_many_there_were(bedrock: BedrockService) -> None:
    with pytest.raises(ModelFailed, match=r"failed after 2 retries: .*ThrottlingException") as caught:
        await asked(bedrock, *[throttled()] * 3, attempts=3)
    assert len(bedrock.asked) == 3
    assert "phasegate run --resume" in caught.value.fix


async def test_silence_ends_with_the_time_of_an_attempt(bedrock: BedrockService) -> None:
    with pytest.raises(ModelFailed, match=r"no answer within 0\.5 s"):
        await asked(bedrock, text("word").silent(), attempts=1, seconds=0.5)


async def test_who_may_not_call_a_model_is_told_at_once(bedrock: BedrockService) -> None:
    with pytest.raises(ModelFailed, match="AccessDeniedException") as caught:
        await asked(bedrock, denied())
    assert len(bedrock.asked) == 1
    assert "credentials" in caught.value.fix


async def test_a_refusal_and_a_cut_off_answer_are_told_apart(bedrock: BedrockService) -> None:
    assert (await asked(bedrock, refusal())).stop is Stop.refused
    assert (await asked(bedrock, truncated_document('{"title": "Vol'))).stop is Stop.length


async def test_input_of_a_tool_that_is_no_json_stays_what_it_was(bedrock: BedrockService) -> None:
    reply = await asked(bedrock, malformed('{"title": "Volumes'))
    assert reply.uses == () or "title" not in reply.uses[0].arguments or reply.uses[0].arguments == {"title": "Volumes"}


async def test_a_conversation_goes_on_after_a_result(bedrock: BedrockService) -> None:
    bedrock.answers([structured({"name": "x"}), structured({"title": "x"})])
    one = model()
    first = await one.complete(call(), lambda _: None)
    result = Result(use=first.uses[0].id, text="title is missing", failed=True)
    again = call().model_copy(update={"messages": (*call().messages, first.said, result)})
    assert (await one.complete(again, lambda _: None)).uses[0].arguments == {"title": "x"}
    assert "title is missing" in bedrock.last.prompt


@pytest.mark.parametrize("provider", ["bedrock_converse", "openai"])
async def test_native_structured_output_asks_for_no_bounds_and_all_properties(
    bedrock: BedrockService, provider: str
) -> None:
    line = {"type": "object", "properties": {"default": {"type": "integer", "minimum": 0, "default": 0}}}
    properties = {
        "title": {"type": "string", "minLength": 1, "maxLength": 9},
        "lines": {"type": "array", "items": line, "maxItems": 3, "default": []},
    }
    parameters = {"type": "object", "properties": properties, "required": ["title"]}
    wanted = ToolSpec(name="hand_in", description="Hand in.", parameters=parameters)
    service = OpenAIService([structured({"title": "Disks", "lines": []})])
    bedrock.answers([structured({"title": "Disks", "lines": []})])
    with serve(service) as address:
        name, options = f"bedrock_converse:{SONNET}", {"region_name": REGION}
        if provider == "openai":
            name, options = f"openai:{OPENAI_MODEL}", {"base_url": f"{address}/v1", "api_key": OPENAI_KEY}
        native = LangChainModel(name=name, settings=Settings(options=options, native=True, **QUICK))
        reply = await native.complete(call().model_copy(update={"hand_in": wanted}), lambda _: None)
    assert json.loads(reply.text) == {"title": "Disks", "lines": []}
    schema = (service.asked or bedrock.asked)[0].schema
    assert schema is not None
    assert schema["required"] == ["title", "lines"]
    assert schema["properties"]["lines"]["items"]["properties"] == {"default": {"type": "integer"}}


async def test_structured_output_that_is_cut_off_is_a_reply_with_what_it_used() -> None:
    service = OpenAIService([truncated_document('{"title": "Vol')])
    with serve(service) as address:
        options = {"base_url": f"{address}/v1", "api_key": OPENAI_KEY}
        settings = Settings(options=options, native=True, **QUICK)
        reply = await LangChainModel(name=f"openai:{OPENAI_MODEL}", settings=settings).complete(call(), lambda _: None)
    assert service.asked[0].schema is not None
    assert (reply.text, reply.stop) == ('{"title": "Vol', Stop.length)
    assert reply.usage
    assert reply.usage.input > 0


async def test_a_server_of_openai_s_protocol_elsewhere_is_asked_what_a_call_used() -> None:
    service = OpenAIService([structured({"title": "Disks"})])
    with serve(service) as address:
        options = {"base_url": f"{address}/v1", "api_key": OPENAI_KEY}
        elsewhere = LangChainModel(name=f"openai:{OPENAI_MODEL}", settings=Settings(options=options, **QUICK))
        reply = await elsewhere.complete(call(), lambda _: None)
    assert reply.uses[0].arguments == {"title": "Disks"}
    assert reply.usage
    assert reply.usage.input > 0
