"""The real clients against the local Bedrock: what the wire carries, what is refused, what langchain-aws makes of it.

Tests named `test_pitfall_…` show what the installed langchain-aws does by itself where people were hurt by it.
"""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

import boto3
import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import (
    ClientError,
    EventStreamError,
    ReadTimeoutError,
)
from langchain.agents import create_agent
from langchain.agents.structured_output import ToolStrategy
from langchain_aws import ChatBedrockConverse
from langchain_aws.middleware import BedrockPromptCachingMiddleware
from langchain_core.exceptions import ContextOverflowError, OutputParserException
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from pydantic import BaseModel, Field, ValidationError

from services import serve
from services.bedrock import PROFILE, REGION, SONNET, BedrockService, environ
from services.bedrock_models import (
    DEEPSEEK,
    LLAMA_3_1,
    MISTRAL,
    NOVA_LITE,
    SONNET_4,
    SONNET_4_5,
    SONNET_4_6,
    SONNET_5_5,
    TITAN,
    through_profile,
)
from services.model_answers import (
    Answer,
    Error,
    Script,
    as_string,
    denied,
    guardrail,
    internal,
    invalid,
    malformed,
    model_error,
    not_ready,
    nothing,
    refusal,
    stream_error,
    structured,
    text,
    throttled,
    timed_out,
    truncated,
    truncated_document,
    unavailable,
    uses,
    without_input,
)

KEYS: dict[str, Any] = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": REGION}
ONCE = Config(retries={"max_attempts": 0})
IMPATIENT = ONCE.merge(Config(read_timeout=0.2))
LONG = "Scan every region for idle volumes. " * 200
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}}


class Finding(BaseModel):
    """Something to mend."""

    title: str
    lines: list[int]


class Where(BaseModel):
    """A place in a file."""

    lines: list[int]


class Located(BaseModel):
    """Something at a place."""

    where: Where


class Scored(BaseModel):
    """Something with a bound."""

    score: Annotated[int, Field(ge=1, le=5)]


FINDING = Finding(title="Idle", lines=[3, 4])


@dataclass(frozen=True)
class Bedrock:
    """The service and how to reach it."""

    service: BedrockService
    address: str

    def chat(self, model: str = SONNET, **more: Any) -> ChatBedrockConverse:
        """The real client; it tries once unless told otherwise."""
        return ChatBedrockConverse(model=model, base_url=self.address, **{"config": ONCE, **KEYS, **more})

    def scripted(self, *answers: Answer, model: str = SONNET, **more: Any) -> ChatBedrockConverse:
        """The client, with the answers that it will get."""
        self.service.answers(answers)
        return self.chat(model, **more)

    def raw(self, **config: Any) -> Any:
        """boto3's client, which sends whatever it is given."""
        how = Config(parameter_validation=False, retries={"max_attempts": 0}, **config)
        return boto3.client("bedrock-runtime", endpoint_url=self.address, config=how, **KEYS)

    @property
    def calls(self) -> int:
        """Requests so far."""
        return len(self.service.asked)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[BedrockService, str]]:
    service = BedrockService()
    with serve(service) as address:
        yield service, address


@pytest.fixture
def bedrock(served: tuple[BedrockService, str]) -> Bedrock:
    service, address = served
    service.clear()
    return Bedrock(service, address)


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for what another thread does; the time limit of the test ends it."""
    while not holds():
        time.sleep(0.005)


def body(**more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"text": "Hello"}]}], **more}


def tool(name: str = "Look", **more: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"region": {"type": "string"}}}
    return {"toolSpec": {"name": name, "description": name, "inputSchema": {"json": schema}, **more}}


# --- what works ---


def test_an_answer_comes_with_its_usage_and_what_was_asked_is_kept(bedrock: Bedrock) -> None:
    answer = bedrock.scripted(text("Hello").costing(input=7, output=2)).invoke(
        [("system", "Be brief."), ("user", "Hi")]
    )
    assert answer.content == "Hello"
    assert answer.response_metadata["stopReason"] == "end_turn"
    assert answer.usage_metadata is not None
    assert (answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"]) == (7, 2)
    assert (bedrock.service.last.system, bedrock.service.last.last) == ("Be brief.", "Hi")
    assert bedrock.service.last.headers["authorization"].startswith("AWS4-HMAC-SHA256 ")


def test_a_stream_brings_the_same_in_pieces(bedrock: Bedrock) -> None:
    chunks = list(bedrock.scripted(text("word " * 50)).stream("Hi"))
    pieces = [chunk.text for chunk in chunks if chunk.text]
    assert len(pieces) > 3
    assert "".join(pieces) == "word " * 50
    assert [chunk.usage_metadata["output_tokens"] for chunk in chunks if chunk.usage_metadata] == [63]


@pytest.mark.parametrize("streams", [False, True])
def test_tools_are_called_and_their_results_go_back(bedrock: Bedrock, streams: bool) -> None:
    chat = bedrock.scripted(text("I look.").also(uses("Look", region="eu")), text("Two.")).bind_tools([tool()])
    asked = [HumanMessage("How many?")]
    answer: Any
    if streams:
        parts = list(chat.stream(asked))
        answer = sum(parts[1:], parts[0])
    else:
        answer = chat.invoke(asked)
    (call,) = answer.tool_calls
    assert (call["name"], call["args"]) == ("Look", {"region": "eu"})
    assert answer.response_metadata["stopReason"] == "tool_use"
    answer = AIMessage(answer.content, tool_calls=answer.tool_calls)
    assert chat.invoke([*asked, answer, ToolMessage("2", tool_call_id=call["id"])]).content == "Two."
    assert bedrock.service.last.turns[-1] == ("tool", "2")


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
@pytest.mark.parametrize("shape", [Finding, Finding.model_json_schema()])
def test_structured_output_by_both_methods(bedrock: Bedrock, method: Any, shape: Any) -> None:
    chat = bedrock.scripted(structured(FINDING.model_dump())).with_structured_output(shape, method=method)
    answer = chat.invoke("Review.")
    assert (answer if shape is Finding else Finding.model_validate(answer)) == FINDING
    assert (bedrock.service.last.choice == "Finding") == (method == "function_calling")
    assert (bedrock.service.last.schema is not None) == (method == "json_schema")


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_structured_output_from_a_stream(bedrock: Bedrock, method: Any) -> None:
    chat = bedrock.scripted(structured(FINDING.model_dump()))
    assert list(chat.with_structured_output(Finding, method=method).stream("Review."))[-1] == FINDING
    assert bedrock.service.last.streams


def test_reasoning_is_shown_apart_from_the_answer(bedrock: Bedrock) -> None:
    chat = bedrock.scripted(text("Four.").after_thinking("2 + 2"), additional_model_request_fields=THINKING)
    answer = chat.invoke("2 + 2?")
    assert [block["type"] for block in answer.content_blocks] == ["reasoning", "text"]
    assert answer.text == "Four."


def test_what_a_cache_point_covers_is_written_once_and_read_then(bedrock: Bedrock) -> None:
    chat = bedrock.scripted(text("One"), text("Two"))
    system = SystemMessage([{"type": "text", "text": LONG}, {"cachePoint": {"type": "default"}}])
    first, second = (chat.invoke([system, HumanMessage(words)]).usage_metadata for words in ("Hello", "Again"))
    assert first is not None
    assert second is not None
    written = first["input_token_details"]["cache_creation"]
    assert (first["input_token_details"]["cache_read"], written > 1024) == (0, True)
    assert (second["input_token_details"]["cache_read"], second["input_token_details"]["cache_creation"]) == (
        written,
        0,
    )
    assert first["input_tokens"] > written  # the sum of all, where the wire's own inputTokens leaves the cache out


def test_a_prompt_below_the_least_size_is_not_cached(bedrock: Bedrock) -> None:
    chat = bedrock.scripted(text("One"), text("Two"))
    for _ in range(2):
        usage = chat.invoke("Hello", cache_control={"type": "ephemeral"}).usage_metadata
        assert usage is not None
        assert usage["input_token_details"] == {"cache_read": 0, "cache_creation": 0}
    assert bedrock.service.last.cache_points == 1


def test_usage_of_the_script_counts(bedrock: Bedrock) -> None:
    usage = bedrock.scripted(text("x").costing(input=10, output=5, cache_read=100, cache_write=50)).invoke("Hi")
    assert usage.usage_metadata == {
        **{"input_tokens": 160, "output_tokens": 5, "total_tokens": 165},
        "input_token_details": {"cache_read": 100, "cache_creation": 50},
    }


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refusal(), "content_filtered"),
        (guardrail(), "guardrail_intervened"),
        (truncated("And so"), "max_tokens"),
        (nothing(), "end_turn"),
    ],
)
def test_why_the_model_stopped_is_in_the_answer(bedrock: Bedrock, answer: Answer, reason: str) -> None:
    assert bedrock.scripted(answer).invoke("Hi").response_metadata["stopReason"] == reason
    assert reason in [part.response_metadata.get("stopReason") for part in bedrock.scripted(answer).stream("Hi")]


def test_a_function_may_be_the_script(bedrock: Bedrock) -> None:
    bedrock.service.answers(lambda asked: text(asked.last.upper()))
    assert bedrock.chat().invoke("hi").content == "HI"


@pytest.mark.parametrize("script", [[], lambda asked: 1 / 0])
def test_a_script_that_has_no_answer_is_an_error_that_nobody_tries_again(bedrock: Bedrock, script: Script) -> None:
    bedrock.service.answers(script)
    with pytest.raises(ClientError, match="script of the local service"):
        bedrock.chat(config=None).invoke("hi")
    assert bedrock.calls == 1


def test_a_program_is_sent_here_by_its_environment(bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ(bedrock.address).items():
        monkeypatch.setenv(name, value)
    bedrock.service.answers([text("Hello")])
    assert ChatBedrockConverse(model=SONNET).invoke("hi").content == "Hello"


def test_a_profile_of_ones_own_is_looked_up(bedrock: Bedrock) -> None:
    chat = bedrock.scripted(text("Hello"), model=PROFILE, provider="anthropic")
    assert chat.base_model_id == SONNET_4_5.id
    assert chat.invoke("hi").content == "Hello"
    assert bedrock.service.last.model == PROFILE


def test_calls_at_the_same_time_are_counted_and_can_wait_for_each_other(bedrock: Bedrock) -> None:
    bedrock.service.answers(lambda _: text("x").together(3))
    bedrock.chat().batch(["a", "b", "c"], config={"max_concurrency": 3})
    assert (bedrock.service.at_once, bedrock.calls) == (3, 3)


def test_calls_one_after_the_other_are_never_at_the_same_time(bedrock: Bedrock) -> None:
    bedrock.service.answers(lambda _: text("x"))
    bedrock.chat().batch(["a", "b", "c"], config={"max_concurrency": 1})
    assert (bedrock.service.at_once, bedrock.calls) == (1, 3)


def test_a_client_that_goes_is_counted(bedrock: Bedrock) -> None:
    stream = bedrock.scripted(text("word " * 5000).slow(0, each=0.005)).stream("hi")
    next(stream)
    cast(Generator[Any], stream).close()
    wait_until(lambda: bedrock.service.unfinished == 1)


def test_another_region_has_to_be_the_one_signed_for(bedrock: Bedrock) -> None:
    bedrock.service.region = "eu-west-1"
    chat = bedrock.scripted(text("x"), region_name="eu-west-1")
    assert chat.invoke("hi").content == "x"
    with pytest.raises(ClientError, match="scoped to a valid region"):
        bedrock.chat().invoke("hi")


def test_tokens_are_counted_before_a_call(bedrock: Bedrock) -> None:
    chat = bedrock.chat()
    few, many = (chat.get_num_tokens_from_messages([HumanMessage(words)]) for words in ("Hello", LONG))
    assert few < 10
    assert many > 1000
    assert bedrock.calls == 0


# --- what fails ---


@pytest.mark.parametrize(
    "error",
    [throttled(), not_ready(), timed_out(), unavailable(), internal(), model_error(), invalid("No."), denied()],
    ids=lambda error: error.code,
)
@pytest.mark.parametrize("streams", [False, True])
def test_an_error_surfaces_as_the_exception_of_its_name(bedrock: Bedrock, error: Error, streams: bool) -> None:
    chat = bedrock.scripted(error)
    with pytest.raises(ClientError) as raised:
        list(chat.stream("hi")) if streams else chat.invoke("hi")
    assert isinstance(raised.value, getattr(chat.client.exceptions, error.code))
    response = raised.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (error.code, error.status)
    assert bedrock.calls == 1


def test_how_long_to_wait_is_in_the_exception(bedrock: Bedrock) -> None:
    with pytest.raises(ClientError) as raised:
        bedrock.scripted(throttled(retry_after="7")).invoke("hi")
    assert raised.value.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "7"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (throttled(), "throttlingException"),
        (unavailable(), "serviceUnavailableException"),
        (internal(), "internalServerException"),
        (stream_error(), "modelStreamErrorException"),
        (invalid("No."), "validationException"),
    ],
)
def test_an_error_in_a_stream_comes_after_its_pieces(bedrock: Bedrock, error: Error, code: str) -> None:
    stream = bedrock.scripted(text("word " * 50).interrupted(error)).stream("hi")
    assert "".join(next(stream).text for _ in range(3)) == ("word " * 50)[: 2 * bedrock.service.size]
    with pytest.raises(EventStreamError) as raised:
        next(stream)
    assert raised.value.response["Error"]["Code"] == code


@pytest.mark.parametrize("after", [0, 2])
def test_a_silent_service_ends_by_the_clients_read_timeout(bedrock: Bedrock, after: int) -> None:
    silent = text("word " * 50).silent(after)
    with pytest.raises((ReadTimeoutError, urllib3.exceptions.ReadTimeoutError)):
        list(bedrock.scripted(silent, config=IMPATIENT).stream("hi"))
    with pytest.raises(ReadTimeoutError):
        bedrock.scripted(silent, config=IMPATIENT).invoke("hi")
    assert bedrock.calls == 2


def test_a_slow_answer_is_late_and_whole(bedrock: Bedrock) -> None:
    answer = bedrock.scripted(text("word " * 50).slow(0.02, each=0.001))
    assert sum(bool(part.text) for part in answer.stream("hi")) > 3
    slow = bedrock.scripted(text("x").slow(0.02)).invoke("hi")
    assert slow.response_metadata["metrics"]["latencyMs"][0] >= 19


def test_malformed_input_of_a_tool_is_an_error_of_the_model_unless_it_is_streamed(bedrock: Bedrock) -> None:
    chat = bedrock.scripted(malformed("lines: 3"), malformed("lines: 3")).bind_tools([Finding])
    with pytest.raises(ClientError, match="ModelErrorException"):
        chat.invoke("hi")
    parts = list(chat.stream("hi"))
    whole = sum(parts[1:], parts[0])
    assert isinstance(whole, AIMessage)
    assert [call["args"] for call in whole.invalid_tool_calls] == ["lines: 3"]


def test_a_prompt_that_is_too_long_has_an_exception_of_its_own(bedrock: Bedrock) -> None:
    bedrock.service.context = 100
    with pytest.raises(ContextOverflowError, match="prompt is too long"):
        bedrock.chat().invoke(LONG)


# --- what is refused ---

POINT = {"cachePoint": {"type": "default"}}
USE = {"toolUse": {"toolUseId": "t1", "name": "Look", "input": {}}}
RESULT = {"toolResult": {"toolUseId": "t1", "content": [{"text": "2"}]}}


def said(*contents: Any, first: Literal["user", "assistant"] = "user") -> dict[str, Any]:
    """A conversation whose roles alternate."""
    roles = ("user", "assistant") if first == "user" else ("assistant", "user")
    return {"messages": [{"role": roles[at % 2], "content": content} for at, content in enumerate(contents)]}


def native(schema: Any) -> dict[str, Any]:
    structure = {"jsonSchema": {"schema": json.dumps(schema), "name": "finding"}}
    return body(outputConfig={"textFormat": {"type": "json_schema", "structure": structure}})


def tools(*given: Any, **more: Any) -> dict[str, Any]:
    return body(toolConfig={"tools": list(given), **more})


HELLO = [{"text": "Hello"}]
RECURSIVE = {"$ref": "#/$defs/N", "$defs": {"N": {"type": "array", "items": {"$ref": "#/$defs/N"}}}}
OPEN = {"type": "object", "properties": {}}
REFUSED: list[tuple[str, str, Mapping[str, Any], str]] = [
    ("unknown enumeration", SONNET, body(serviceTier={"type": "gold"}), "enum value set"),
    ("name of a tool", SONNET, tools(tool("look here")), "regular expression pattern"),
    ("long name of a tool", SONNET, tools(tool("x" * 65)), "length less than or equal to 64"),
    ("unknown field of the model", SONNET, body(additionalModelRequestFields={"colour": 1}), "Extra inputs are not"),
    ("no messages", SONNET, {}, "must start with a user message"),
    ("assistant first", SONNET, said(HELLO, first="assistant"), "must start with a user message"),
    (
        "two of the user",
        SONNET,
        {"messages": [{"role": "user", "content": HELLO}, {"role": "user", "content": HELLO}]},
        "must alternate",
    ),
    ("blank text", SONNET, said([{"text": " \n"}]), "messages.0.content.0 is blank"),
    ("empty content", SONNET, said([]), "messages.0 is empty"),
    ("result without a use", SONNET, {**tools(tool()), **said([RESULT])}, "exceeds the number"),
    ("use without a result", SONNET, {**tools(tool()), **said(HELLO, [USE], HELLO)}, "for the following Ids: t1"),
    ("uses without tools", SONNET, said(HELLO, [USE], [RESULT]), "toolConfig field must be defined"),
    ("prefill", through_profile(SONNET_4_6), said(HELLO, HELLO), "does not support assistant message prefill"),
    ("prefill that ends in a space", SONNET, said(HELLO, [{"text": "{ "}]), "trailing whitespace"),
    ("tools on a model without", TITAN.id, tools(tool()), "doesn't support tool use"),
    ("tools twice", SONNET, tools(tool(), tool()), "must be unique"),
    ("schema no object", SONNET, tools(tool(inputSchema={"json": {"type": "string"}})), "one of the following: object"),
    (
        "schema not of the draft",
        SONNET,
        tools(tool(inputSchema={"json": {"type": "object", "properties": []}})),
        "JSON Schema draft 2020-12",
    ),
    ("strict on a model without", through_profile(SONNET_4), tools(tool(strict=True)), "strict: Extra inputs"),
    ("strict and open", SONNET, tools(tool(strict=True)), "must be explicitly set to false"),
    ("choice any", LLAMA_3_1.id, tools(tool(), toolChoice={"any": {}}), "toolChoice.any field"),
    ("choice of a tool", MISTRAL.id, tools(tool(), toolChoice={"tool": {"name": "Look"}}), "toolChoice.tool field"),
    ("choice of a tool that is not there", SONNET, tools(tool(), toolChoice={"tool": {"name": "No"}}), "not found"),
    (
        "thinking and a forced tool",
        SONNET,
        {**tools(tool(), toolChoice={"any": {}}), "additionalModelRequestFields": THINKING},
        "Thinking may not be enabled when tool_choice forces tool use",
    ),
    ("five cache points", SONNET, said([*HELLO, *[POINT] * 5]), "A maximum of 4 blocks"),
    ("cache point among tools", through_profile(NOVA_LITE), tools(tool(), POINT), "extraneous key [cachePoint]"),
    (
        "an hour",
        through_profile(SONNET_4),
        said([*HELLO, {"cachePoint": {"type": "default", "ttl": "1h"}}]),
        "ttl: Extra inputs",
    ),
    (
        "cache point after reasoning",
        SONNET,
        said(HELLO, [{"reasoningContent": {"reasoningText": {"text": "x"}}}, POINT], HELLO),
        "cannot be inserted after reasoning",
    ),
    ("schema on a model without", through_profile(SONNET_4), native(OPEN), "output_config.format: Extra inputs"),
    ("open schema", SONNET, native(OPEN), "must be explicitly set to false"),
    ("no schema", SONNET, native({"type": 7}), "JSON schema is invalid"),
    ("bounds of a number", SONNET, native({"type": "integer", "minimum": 1}), "minimum are not supported"),
    ("lengths", SONNET, native({"type": "array", "items": {"type": "string", "maxLength": 9}}), "maxLength are not"),
    ("two items at least", SONNET, native({"type": "array", "minItems": 2}), "'minItems' values other than 0 or 1"),
    ("recursive schema", SONNET, native(RECURSIVE), "Circular reference"),
    ("too many tokens", SONNET, body(inferenceConfig={"maxTokens": 64_001}), "exceeds the model limit of 64000"),
    (
        "temperature on a model without",
        through_profile(SONNET_5_5),
        body(inferenceConfig={"temperature": 0.5}),
        "deprec",
    ),
    ("temperature and top_p", SONNET, body(inferenceConfig={"temperature": 0.5, "topP": 0.5}), "cannot both"),
    (
        "temperature while thinking",
        SONNET,
        body(inferenceConfig={"temperature": 0.5}, additionalModelRequestFields=THINKING),
        "may only be set to 1",
    ),
    (
        "fewer tokens than to think",
        SONNET,
        body(inferenceConfig={"maxTokens": 1000}, additionalModelRequestFields=THINKING),
        "must be greater than `thinking.budget_tokens`",
    ),
    (
        "thinking on a model without",
        MISTRAL.id,
        body(additionalModelRequestFields=THINKING),
        "extraneous key [thinking]",
    ),
    ("unknown model", "us.anthropic.claude-sonnet-9", body(), "model identifier is invalid"),
    ("model without its profile", SONNET_4_5.id, body(), "on-demand throughput"),
]


@pytest.mark.parametrize(("model", "given", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_bedrock_refuses_is_refused(bedrock: Bedrock, model: str, given: Mapping[str, Any], words: str) -> None:
    with pytest.raises(ClientError) as raised:
        bedrock.raw().converse(modelId=model, **given)
    assert raised.value.response["Error"]["Code"] == "ValidationException"
    assert words in raised.value.response["Error"]["Message"]
    assert (bedrock.calls, len(bedrock.service.refused)) == (0, 1)


def test_tools_in_a_stream_are_refused_where_the_model_lacks_them(bedrock: Bedrock) -> None:
    with pytest.raises(ClientError, match="in streaming mode"):
        bedrock.raw().converse_stream(modelId=LLAMA_3_1.id, **tools(tool()))


TAKEN: list[tuple[str, str, Mapping[str, Any]]] = [
    ("a whole conversation with tools", SONNET, {**tools(tool(), POINT), **said(HELLO, [USE], [RESULT, POINT])}),
    ("any tool", MISTRAL.id, tools(tool(), toolChoice={"any": {}})),
    ("thinking and no forced tool", SONNET, {**tools(tool()), "additionalModelRequestFields": THINKING}),
    ("an hour", SONNET, said([*HELLO, {"cachePoint": {"type": "default", "ttl": "1h"}}])),
    ("prefill", SONNET, said(HELLO, [{"text": "{"}])),
    ("closed schema", SONNET, native({**OPEN, "additionalProperties": False})),
    ("fields of a model that is not Anthropic's", MISTRAL.id, body(additionalModelRequestFields={"colour": 1})),
]


@pytest.mark.parametrize(("model", "given"), [row[1:] for row in TAKEN], ids=[row[0] for row in TAKEN])
def test_what_bedrock_takes_is_taken(bedrock: Bedrock, model: str, given: Mapping[str, Any]) -> None:
    bedrock.service.answers([text("Yes")])
    assert bedrock.raw().converse(modelId=model, **given)["stopReason"] == "end_turn"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "Malformed input request"),
        (b"[]", "Malformed input request"),
        (json.dumps(body(colour="red")).encode(), 'Unknown parameter in input: "colour"'),
        (json.dumps(said([{"text": "Hi", "colour": "red"}])).encode(), "Unknown parameter in messages[0].content[0]"),
        (json.dumps(said([{}])).encode(), "Must set one of the following keys"),
    ],
)
def test_what_no_client_would_send_is_refused(bedrock: Bedrock, content: bytes, words: str) -> None:
    assert _posted(bedrock, content, _signed(bedrock, content)) == (400, "ValidationException")
    assert words in bedrock.service.refused[0]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda headers: {}, "MissingAuthenticationTokenException"),
        (lambda headers: {**headers, "Authorization": "AWS4-HMAC-SHA256 Credential=x"}, "IncompleteSignatureException"),
        (
            lambda headers: {**headers, "Authorization": headers["Authorization"].replace("/bedrock/", "/s3/")},
            "InvalidSignatureException",
        ),
        (
            lambda headers: {**headers, "Authorization": headers["Authorization"].replace(REGION, "eu-west-1")},
            "InvalidSignatureException",
        ),
    ],
)
def test_a_request_must_be_signed_for_bedrock(
    bedrock: Bedrock, change: Callable[[dict[str, str]], dict[str, str]], code: str
) -> None:
    content = json.dumps(body()).encode()
    bedrock.service.answers([text("Hello")])
    assert _posted(bedrock, content, change(_signed(bedrock, content))) == (403, code)
    assert _posted(bedrock, content, _signed(bedrock, content)) == (200, "")


def test_an_api_key_serves_in_place_of_a_signature(bedrock: Bedrock) -> None:
    bedrock.service.answers([text("Hello")])
    key = {"Authorization": "Bearer secret", "Content-Type": "application/json"}
    assert _posted(bedrock, json.dumps(body()).encode(), key) == (200, "")


def _signed(bedrock: Bedrock, content: bytes) -> dict[str, str]:
    request = AWSRequest("POST", f"{bedrock.address}/model/{SONNET}/converse", data=content)
    request.headers["Content-Type"] = "application/json"
    SigV4Auth(Credentials("testing", "testing"), "bedrock", REGION).add_auth(request)
    return dict(request.headers.items())


def _posted(bedrock: Bedrock, content: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    request = urllib.request.Request(f"{bedrock.address}/model/{SONNET}/converse", content, dict(headers))
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["x-amzn-errortype"].partition(":")[0]


# --- pitfalls ---


def test_pitfall_thinking_and_a_forced_tool_is_turned_into_a_free_choice_with_a_warning(bedrock: Bedrock) -> None:
    chat = bedrock.scripted(text("No tool."), additional_model_request_fields=THINKING)
    with pytest.warns(UserWarning, match="Downgrading to tool_choice='auto'"):
        bound = chat.bind_tools([Finding], tool_choice="any")
    assert bound.invoke("Review.").tool_calls == []
    assert bedrock.service.last.choice == "auto"


def test_pitfall_structured_output_while_thinking_warns_and_raises_when_the_model_only_talks(bedrock: Bedrock) -> None:
    chat = bedrock.scripted(text("Fine."), additional_model_request_fields=THINKING)
    with pytest.warns(UserWarning, match="relies on forced tool calling"):
        bound = chat.with_structured_output(Finding)
    with pytest.raises(OutputParserException):
        bound.invoke("Review.")


def test_pitfall_thinking_of_one_call_is_not_seen_and_the_service_refuses(bedrock: Bedrock) -> None:
    bound = bedrock.chat().with_structured_output(Finding)
    with pytest.raises(ClientError, match="Thinking may not be enabled"):
        bound.invoke("Review.", additional_model_request_fields=THINKING)


def test_pitfall_an_agent_with_a_thinking_model_and_a_structured_answer_is_not_forced(bedrock: Bedrock) -> None:
    chat = bedrock.scripted(structured(FINDING.model_dump()), additional_model_request_fields=THINKING)
    agent = create_agent(chat, response_format=ToolStrategy(Finding))
    with pytest.warns(UserWarning, match="Downgrading"):
        answer = agent.invoke({"messages": [HumanMessage("Review.")]})
    assert answer["structured_response"] == FINDING
    assert bedrock.service.last.choice == "auto"


def test_pitfall_a_model_that_takes_a_forced_tool_and_disobeys_gives_none(bedrock: Bedrock) -> None:
    chat = bedrock.scripted(structured(FINDING.model_dump()), model=DEEPSEEK.id)
    assert chat.with_structured_output(Finding).invoke("Review.") is None
    assert bedrock.service.last.choice == "any"


def test_pitfall_a_model_that_cannot_be_forced_is_asked_freely_and_gives_none(bedrock: Bedrock) -> None:
    chat = bedrock.scripted(text("Looks fine."), model=through_profile(SONNET_5_5))
    assert chat.with_structured_output(Finding).invoke("Review.") is None
    assert (bedrock.service.last.choice, list(bedrock.service.last.tools)) == ("", ["Finding"])


@pytest.mark.parametrize(("model", "choice"), [(LLAMA_3_1.id, "any"), (MISTRAL.id, "Finding"), (TITAN.id, "any")])
def test_pitfall_the_clients_own_table_refuses_before_any_request(bedrock: Bedrock, model: str, choice: str) -> None:
    with pytest.raises(ValueError, match="does not currently support"):
        bedrock.chat(model).bind_tools([Finding], tool_choice=choice)


def test_pitfall_the_clients_own_table_says_more_than_the_model_takes(bedrock: Bedrock) -> None:
    chat = bedrock.chat(LLAMA_3_1.id, supports_tool_choice_values=("auto", "any", "tool"))
    with pytest.raises(ClientError, match=r"toolChoice\.tool field"):
        chat.with_structured_output(Finding).invoke("Review.")


@pytest.mark.parametrize(
    "ask",
    [
        lambda chat: chat.with_structured_output(Finding, method="json_schema"),
        lambda chat: chat.with_structured_output(Finding, strict=True),
    ],
)
def test_pitfall_native_output_and_strict_tools_are_sent_to_models_that_lack_them(bedrock: Bedrock, ask: Any) -> None:
    with pytest.raises(ClientError, match="Extra inputs are not permitted"):
        ask(bedrock.chat(through_profile(SONNET_4))).invoke("Review.")


def test_pitfall_bounds_of_pydantic_are_sent_as_they_are_and_refused(bedrock: Bedrock) -> None:
    chat = bedrock.scripted(structured({"score": 9}))
    with pytest.raises(ClientError, match="properties maximum, minimum are not supported"):
        chat.with_structured_output(Scored, method="json_schema").invoke("Score.")
    with pytest.raises(ValidationError, match="less than or equal to 5"):
        chat.with_structured_output(Scored).invoke("Score.")


def test_pitfall_a_list_as_a_string_is_mended_at_the_top_only(bedrock: Bedrock) -> None:
    chat = bedrock.scripted(as_string(FINDING.model_dump(), "lines"), structured({"where": {"lines": "[3]"}}))
    assert chat.with_structured_output(Finding).invoke("Review.") == FINDING
    with pytest.raises(ValidationError, match="valid list"):
        chat.with_structured_output(Located).invoke("Review.")


def test_pitfall_a_list_as_a_string_is_not_mended_in_native_output(bedrock: Bedrock) -> None:
    chat = bedrock.scripted(as_string(FINDING.model_dump(), "lines"))
    with pytest.raises(OutputParserException):
        chat.with_structured_output(Finding, method="json_schema").invoke("Review.")


@pytest.mark.parametrize("answer", [text("Fine."), refusal(), guardrail(), nothing(), truncated("And so")])
def test_pitfall_no_structured_output_is_none_and_no_error(bedrock: Bedrock, answer: Answer) -> None:
    chat = bedrock.scripted(answer, answer)
    assert chat.with_structured_output(Finding).invoke("Review.") is None
    raw: Any = chat.with_structured_output(Finding, include_raw=True).invoke("Review.")
    assert (raw["parsed"], raw["parsing_error"]) == (None, None)


@pytest.mark.parametrize("answer", [text("Fine."), refusal(), guardrail(), nothing(), truncated("And so")])
def test_pitfall_no_native_output_is_an_error_of_the_parser(bedrock: Bedrock, answer: Answer) -> None:
    with pytest.raises(OutputParserException):
        bedrock.scripted(answer).with_structured_output(Finding, method="json_schema").invoke("Review.")


CUT_OFF = '{"lines": [3, 4], "title": "Id'


@pytest.mark.parametrize("answer", [truncated_document(CUT_OFF), malformed(CUT_OFF)])
@pytest.mark.parametrize("shape", [Finding, Finding.model_json_schema()])
def test_pitfall_a_document_that_is_cut_off_is_completed_without_a_word(
    bedrock: Bedrock, answer: Answer, shape: Any
) -> None:
    chat = bedrock.scripted(answer, answer, answer)
    native = chat.with_structured_output(shape, method="json_schema")
    streamed = chat.with_structured_output(shape)
    cut_off = Finding(title="Id", lines=[3, 4])
    for found in (native.invoke("Review."), list(native.stream("Review."))[-1], list(streamed.stream("Review."))[-1]):
        assert Finding.model_validate(found, from_attributes=True) == cut_off


def test_pitfall_half_an_answer_is_none_at_all(bedrock: Bedrock) -> None:
    bedrock.service.answers(lambda _: text("word " * 50).torn())
    with pytest.raises(ValueError, match="No 'output' key found"):
        bedrock.chat(config=None).invoke("hi")
    assert bedrock.calls == 1


def test_pitfall_a_torn_stream_is_an_exception_of_urllib3(bedrock: Bedrock) -> None:
    bedrock.service.answers(lambda _: text("word " * 50).torn())
    with pytest.raises(urllib3.exceptions.ProtocolError):
        list(bedrock.chat(config=None).stream("hi"))
    assert bedrock.calls == 1


def test_pitfall_a_shape_with_defaults_hides_a_truncated_document_and_a_missing_input(bedrock: Bedrock) -> None:
    class Report(BaseModel):
        """What was found."""

        findings: list[str] = []

    chat = bedrock.scripted(truncated_document('{"findings": ["a", "b'), without_input("Report"))
    assert chat.with_structured_output(Report).invoke("Review.") == Report()
    assert chat.with_structured_output(Report).invoke("Review.") == Report()


def test_pitfall_another_tool_than_the_wanted_one_is_an_error_or_nothing(bedrock: Bedrock) -> None:
    chat = bedrock.scripted(uses("Other", a=1), uses("Other", a=1))
    with pytest.raises(OutputParserException, match="Unknown tool type"):
        chat.with_structured_output(Finding).invoke("Review.")
    assert chat.with_structured_output(Finding.model_json_schema()).invoke("Review.") is None


def test_pitfall_an_empty_list_of_tools_is_left_out_without_a_word(bedrock: Bedrock) -> None:
    bedrock.scripted(text("x")).bind_tools([]).invoke("hi")
    assert "toolConfig" not in bedrock.service.last.body


def test_pitfall_a_read_timeout_counts_once_for_each_hidden_try(bedrock: Bedrock) -> None:
    bedrock.service.answers(lambda _: text("x").silent())
    with pytest.raises(ReadTimeoutError):
        bedrock.chat(config=Config(read_timeout=0.1)).invoke("hi")
    assert bedrock.calls == 3


@pytest.mark.parametrize(
    ("error", "calls"),
    [(throttled(), 3), (unavailable(), 3), (internal(), 3), (timed_out(), 1), (model_error(), 1), (not_ready(), 3)],
    ids=lambda value: getattr(value, "code", ""),
)
def test_pitfall_what_is_tried_again_behind_ones_back(bedrock: Bedrock, error: Error, calls: int) -> None:
    bedrock.service.answers(lambda _: error)
    with pytest.raises(ClientError):
        bedrock.chat(config=None).invoke("hi")
    assert bedrock.calls == calls


def test_pitfall_throttling_in_a_stream_is_never_tried_again(bedrock: Bedrock) -> None:
    bedrock.service.answers(lambda _: text("word " * 50).interrupted(throttled()))
    with pytest.raises(EventStreamError):
        list(bedrock.chat(config=None).stream("hi"))
    assert bedrock.calls == 1


def test_pitfall_tokens_of_other_models_are_counted_by_a_package_that_is_not_there(bedrock: Bedrock) -> None:
    with pytest.warns(UserWarning, match="GPT-2"), pytest.raises(ImportError, match="transformers"):
        bedrock.chat(MISTRAL.id).get_num_tokens_from_messages([HumanMessage("Hello")])


def test_pitfall_nothing_is_cached_unless_asked(bedrock: Bedrock) -> None:
    chat = bedrock.scripted(text("x"), text("y"))
    chat.invoke([SystemMessage(LONG), HumanMessage("hi")])
    assert bedrock.service.last.cache_points == 0
    chat.invoke([SystemMessage(LONG), HumanMessage("hi")], cache_control={"type": "ephemeral"})
    assert bedrock.service.last.cache_points == 2


def test_pitfall_the_middleware_caches_where_it_knows_the_model(bedrock: Bedrock) -> None:
    for model, points in ((SONNET, 3), (through_profile(NOVA_LITE), 2)):
        chat = bedrock.scripted(text("x"), model=model)
        agent = create_agent(chat, [tool()], system_prompt=LONG, middleware=[BedrockPromptCachingMiddleware()])
        agent.invoke({"messages": [HumanMessage("hi")]})
        assert bedrock.service.last.cache_points == points


def test_pitfall_a_model_without_a_cache_refuses_as_if_it_were_about_rights(bedrock: Bedrock) -> None:
    with pytest.raises(ClientError, match="did not allow prompt caching") as raised:
        bedrock.chat(MISTRAL.id).invoke("hi", cache_control={"type": "ephemeral"})
    assert raised.value.response["Error"]["Code"] == "AccessDeniedException"


def test_pitfall_points_of_ones_own_beyond_four_are_sent_and_refused(bedrock: Bedrock) -> None:
    content: list[Any] = [{"type": "text", "text": "Hello"}, *[POINT] * 5]
    with pytest.raises(ClientError, match="A maximum of 4 blocks"):
        bedrock.chat().invoke([HumanMessage(content)])


def test_pitfall_the_arn_of_a_profile_needs_the_provider_and_a_look_up_or_the_base_model(bedrock: Bedrock) -> None:
    with pytest.raises(ValueError, match="provider should be supplied"):
        bedrock.chat(PROFILE)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        bedrock.chat(f"{PROFILE}x", provider="anthropic")
    chat = bedrock.scripted(text("x"), model=PROFILE, provider="anthropic", base_model=SONNET_4_5.id)
    chat.invoke([SystemMessage(LONG), HumanMessage("hi")], cache_control={"type": "ephemeral"})
    assert bedrock.service.last.cache_points == 2


async def test_pitfall_every_asynchronous_call_takes_a_thread_of_the_loop(bedrock: Bedrock) -> None:
    bedrock.service.answers(lambda _: text("x").together(2))
    chat = bedrock.chat()
    with ThreadPoolExecutor(2) as threads:
        asyncio.get_running_loop().set_default_executor(threads)
        await asyncio.gather(*[chat.ainvoke("hi") for _ in range(6)])
    assert (bedrock.service.at_once, bedrock.calls) == (2, 6)


async def test_pitfall_a_call_that_is_cancelled_goes_on(bedrock: Bedrock) -> None:
    bedrock.service.answers(lambda _: text("x").together(2))
    chat = bedrock.chat()
    asking = asyncio.create_task(chat.ainvoke("hi"))
    await asyncio.to_thread(wait_until, lambda: bedrock.service.at_once == 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (await chat.ainvoke("again")).content == "x"  # the second call finds the first still being worked on
    assert (bedrock.calls, bedrock.service.unfinished) == (2, 0)


def test_pitfall_a_model_makes_clients_of_its_own_unless_it_is_given_them(bedrock: Bedrock) -> None:
    own, given = bedrock.scripted(text("x")), bedrock.raw()
    assert own.client is not bedrock.chat().client
    shared = ChatBedrockConverse(model=SONNET, client=given, bedrock_client=given, region_name=REGION)
    assert shared.client is given
    assert shared.invoke("hi").content == "x"
