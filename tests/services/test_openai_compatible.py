"""The real clients against the local OpenAI-compatible server, and what langchain-openai makes of its answers."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import pytest
from langchain.chat_models import init_chat_model
from langchain_core.exceptions import ContextOverflowError, ModelRefusalError
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr, ValidationError

from services import serve
from services.model_answers import (
    Answer,
    Error,
    as_string,
    denied,
    guardrail,
    internal,
    invalid,
    malformed,
    nothing,
    out_of_quota,
    refusal,
    structured,
    text,
    throttled,
    timed_out,
    truncated_document,
    unavailable,
    uses,
)
from services.openai_compatible import KEY, MODEL, OpenAIService


class Finding(BaseModel):
    """Something to mend."""

    title: str
    lines: list[int]


FINDING = Finding(title="Idle", lines=[3, 4])


@dataclass(frozen=True)
class Server:
    """The service and how to reach it."""

    service: OpenAIService
    address: str

    def chat(self, **more: Any) -> ChatOpenAI:
        """The real client; it tries once unless told otherwise."""
        given: dict[str, Any] = {"max_retries": 0, **more}
        return ChatOpenAI(model=MODEL, base_url=f"{self.address}/v1", api_key=SecretStr(KEY), **given)

    def scripted(self, *answers: Answer, **more: Any) -> ChatOpenAI:
        """The client, with the answers that it will get."""
        self.service.answers(answers)
        return self.chat(**more)

    def post(self, body: Any, key: str = KEY) -> httpx.Response:
        """Send a body that no client would."""
        headers = {"Authorization": f"Bearer {key}"}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(f"{self.address}/v1/chat/completions", content=content, headers=headers)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[OpenAIService, str]]:
    service = OpenAIService()
    with serve(service) as address:
        yield service, address


@pytest.fixture
def server(served: tuple[OpenAIService, str]) -> Server:
    service, address = served
    service.clear()
    return Server(service, address)


def whole(chunks: Iterator[AIMessage]) -> AIMessageChunk:
    parts: list[Any] = list(chunks)
    total = sum(parts[1:], parts[0])
    assert isinstance(total, AIMessageChunk)
    return total


# --- what works ---


def test_an_answer_comes_with_its_usage(server: Server) -> None:
    answer = server.scripted(text("Hello").costing(input=7, output=2, cache_read=3, reasoning=1)).invoke(
        [("system", "Be brief."), ("user", "Hi")]
    )
    assert answer.content == "Hello"
    assert answer.usage_metadata == {
        **{"input_tokens": 10, "output_tokens": 2, "total_tokens": 12},
        **{"input_token_details": {"cache_read": 3}, "output_token_details": {"reasoning": 1}},
    }
    assert (server.service.last.system, server.service.last.last) == ("Be brief.", "Hi")


def test_a_stream_brings_the_same_in_pieces(server: Server) -> None:
    chunks = list(server.scripted(text("word " * 50), stream_usage=True).stream("Hi"))
    assert sum(bool(chunk.text) for chunk in chunks) > 3
    assert whole(iter(chunks)).text == "word " * 50
    assert [chunk.usage_metadata["output_tokens"] for chunk in chunks if chunk.usage_metadata] == [63]


@pytest.mark.parametrize("streams", [False, True])
def test_tools_are_called_and_their_results_go_back(server: Server, streams: bool) -> None:
    def look(region: str) -> str:
        """Look at a region."""
        return region

    both = text("I look.").also(uses("look", region="eu")).also(uses("look", region="us"))
    chat = server.scripted(both, text("Two.")).bind_tools([look])
    asked = [HumanMessage("How many?")]
    answer = whole(chat.stream(asked)) if streams else chat.invoke(asked)
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [
        ("look", {"region": "eu"}),
        ("look", {"region": "us"}),
    ]
    results = [ToolMessage("1", tool_call_id=call["id"]) for call in answer.tool_calls]
    assert chat.invoke([*asked, AIMessage(answer.content, tool_calls=answer.tool_calls), *results]).content == "Two."
    assert server.service.last.turns[-1] == ("tool", "1")


@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
def test_structured_output_by_all_methods(server: Server, method: Any) -> None:
    chat = server.scripted(structured(FINDING.model_dump())).with_structured_output(Finding, method=method)
    assert chat.invoke("Review, as JSON.") == FINDING
    assert (server.service.last.choice == "Finding") == (method == "function_calling")
    assert (server.service.last.schema is not None) == (method == "json_schema")


def test_a_model_by_its_name_as_the_engine_names_it(server: Server) -> None:
    server.service.answers(lambda asked: text(asked.last.upper()))
    chat = init_chat_model(f"openai:{MODEL}", base_url=f"{server.address}/v1", api_key=KEY)
    assert chat.invoke("hi").content == "HI"


def test_reasoning_of_compatible_servers_is_left_out(server: Server) -> None:
    answer = server.scripted(text("Four.").after_thinking("2 + 2")).invoke("2 + 2?")
    assert (answer.content, "reasoning_content" in answer.additional_kwargs) == ("Four.", False)


# --- what fails ---


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (throttled(), openai.RateLimitError),
        (out_of_quota(), openai.RateLimitError),
        (timed_out(), openai.APIStatusError),
        (unavailable(), openai.InternalServerError),
        (internal(), openai.InternalServerError),
        (invalid("No."), openai.BadRequestError),
        (denied(), openai.PermissionDeniedError),
    ],
    ids=lambda value: getattr(value, "code", getattr(value, "__name__", "")),
)
@pytest.mark.parametrize("streams", [False, True])
def test_an_error_surfaces_as_the_exception_of_its_kind(
    server: Server, error: Error, kind: type[openai.APIStatusError], streams: bool
) -> None:
    chat = server.scripted(error)
    with pytest.raises(kind) as raised:
        list(chat.stream("hi")) if streams else chat.invoke("hi")
    assert (raised.value.status_code, raised.value.code == "insufficient_quota") == (error.status, error.quota)
    assert len(server.service.asked) == 1


def test_how_long_to_wait_is_in_the_exception(server: Server) -> None:
    with pytest.raises(openai.RateLimitError) as raised:
        server.scripted(throttled(retry_after="7")).invoke("hi")
    assert raised.value.response.headers["retry-after"] == "7"


def test_an_error_in_a_stream_comes_after_its_pieces(server: Server) -> None:
    stream = server.scripted(text("word " * 50).interrupted(throttled())).stream("hi")
    assert "".join(next(stream).text for _ in range(3)) == ("word " * 50)[: 2 * server.service.size]
    with pytest.raises(openai.APIError, match="Too many requests"):
        next(stream)


def test_a_torn_answer_is_an_error_of_the_connection(server: Server) -> None:
    torn = structured({"title": "x" * 200, "lines": []}).torn()
    chat = server.scripted(torn, torn, torn)
    with pytest.raises(openai.APIConnectionError):
        chat.invoke("hi")
    with pytest.raises(openai.APIConnectionError):
        list(chat.stream("Review."))
    with pytest.raises(openai.APIConnectionError):
        list(chat.with_structured_output(Finding).stream("Review."))


def test_a_silent_server_ends_by_the_clients_timeout(server: Server) -> None:
    with pytest.raises(openai.APITimeoutError):
        server.scripted(text("word " * 50).silent(), timeout=0.2).invoke("hi")
    with pytest.raises(openai.APITimeoutError):
        list(server.scripted(text("word " * 50).silent(), timeout=0.2).stream("hi"))


# --- what is refused ---

HELLO = {"role": "user", "content": "Hello"}
CALL = {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look"}}]}
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}


def request(*messages: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": list(messages), **more}


def function(name: str = "look", **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": OPEN, **more}}


def schema(content: Any, *, strict: bool) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "finding", "schema": content, "strict": strict}}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "could not parse"),
        ([], 404, "does not exist"),
        ({**request(HELLO), "model": "other"}, 404, "does not exist"),
        (request(), 400, "empty array"),
        (request(HELLO, colour=1), 400, "Unrecognized request argument supplied: colour"),
        (request(HELLO, max_tokens=1, max_completion_tokens=1), 400, "at the same time"),
        (request({"role": "robot", "content": "x"}), 400, "Invalid value: 'robot'"),
        (request({"role": "user"}), 400, "got null"),
        (request(HELLO, {"role": "tool", "content": "2", "tool_call_id": "c1"}), 400, "role 'tool' must be"),
        (request(HELLO, CALL, HELLO), 400, "must be followed by tool messages"),
        (request(HELLO, CALL), 400, "did not have response messages: c1"),
        (request(HELLO, tools=[]), 400, "Invalid 'tools': empty array"),
        (request(HELLO, tool_choice="auto"), 400, "only allowed with 'tools'"),
        (request(HELLO, tools=[function()], tool_choice=function("no")), 400, "Tool choice 'no' not found"),
        (request(HELLO, tools=[function("look here")]), 400, "does not match pattern"),
        (request(HELLO, tools=[function(parameters={"type": "string"})]), 400, "schema must be a JSON Schema of"),
        (request(HELLO, tools=[function(parameters={"type": 7})]), 400, "Invalid schema for function 'look'"),
        (request(HELLO, tools=[function(strict=True)]), 400, "'additionalProperties' is required"),
        (
            request(HELLO, response_format=schema({**OPEN, "additionalProperties": False}, strict=True)),
            400,
            "Missing 'a'",
        ),
        (request(HELLO, response_format={"type": "json_object"}), 400, "must contain the word 'json'"),
    ],
)
def test_what_the_server_refuses(server: Server, body: Any, status: int, words: str) -> None:
    answer = server.post(body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (status, server.service.refused[0])
    assert words in server.service.refused[0]
    assert server.service.asked == []


def test_a_key_is_needed(server: Server) -> None:
    assert server.post(request(HELLO), key="other").status_code == 401


def test_a_loose_schema_is_taken(server: Server) -> None:
    server.service.answers([text("{}")])
    assert server.post(request(HELLO, response_format=schema(OPEN, strict=False))).status_code == 200


# --- pitfalls ---


def test_pitfall_a_server_without_schemas_refuses_the_default_method(server: Server) -> None:
    server.service.knows_schemas = False
    with (
        pytest.warns(UserWarning, match="does not support OpenAI's structured output"),
        pytest.raises(openai.BadRequestError),
    ):
        server.chat().with_structured_output(Finding).invoke("Review.")


def test_pitfall_a_prompt_that_is_too_long_is_known_by_its_code_alone(server: Server) -> None:
    server.service.context = 10
    with pytest.raises(openai.BadRequestError) as raised:
        server.chat().invoke("word " * 50)
    assert (raised.value.code, isinstance(raised.value, ContextOverflowError)) == ("context_length_exceeded", False)


def test_pitfall_a_refusal_is_an_exception_and_a_filter_one_of_two(server: Server) -> None:
    chat = server.scripted(refusal(), refusal(), guardrail(), guardrail())
    native = chat.with_structured_output(Finding)
    by_tool = chat.with_structured_output(Finding, method="function_calling")
    for model, kind in (
        *((native, ModelRefusalError), (by_tool, ModelRefusalError)),
        *((native, openai.ContentFilterFinishReasonError), (by_tool, ModelRefusalError)),
    ):
        with pytest.raises(kind):
            model.invoke("Review.")


@pytest.mark.parametrize("answer", [text("Fine."), nothing()])
def test_pitfall_no_tool_call_is_none_and_no_error(server: Server, answer: Answer) -> None:
    chat = server.scripted(answer)
    assert chat.with_structured_output(Finding, method="function_calling").invoke("Review.") is None


def test_pitfall_a_document_that_is_cut_off_is_an_error_or_none_or_completed(server: Server) -> None:
    cut_off = truncated_document('{"lines": [3, 4], "title": "Id')
    chat = server.scripted(cut_off, malformed('{"lines": [3, 4], "title": "Id'), cut_off, cut_off)
    with pytest.raises(openai.LengthFinishReasonError):
        chat.with_structured_output(Finding).invoke("Review.")
    with pytest.raises(ValidationError):
        chat.with_structured_output(Finding).invoke("Review.")
    by_tool = chat.with_structured_output(Finding, method="function_calling")
    assert by_tool.invoke("Review.") is None
    assert list(by_tool.stream("Review."))[-1] == Finding(title="Id", lines=[3, 4])


def test_pitfall_a_list_as_a_string_is_not_mended(server: Server) -> None:
    chat = server.scripted(as_string(FINDING.model_dump(), "lines"))
    with pytest.raises(ValidationError):
        chat.with_structured_output(Finding, method="function_calling").invoke("Review.")


@pytest.mark.parametrize(
    ("error", "calls"),
    [(throttled("0"), 3), (out_of_quota(), 3), (timed_out(), 3), (unavailable(), 3), (invalid("No."), 1)],
    ids=lambda value: getattr(value, "code", ""),
)
def test_pitfall_what_is_tried_again_behind_ones_back(server: Server, error: Error, calls: int) -> None:
    server.service.answers(lambda _: error)
    with pytest.raises(openai.APIStatusError):
        server.chat(max_retries=2).invoke("hi")
    assert len(server.service.asked) == calls
