"""What a server that speaks OpenAI's chat completions refuses."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator, SchemaError

from services.model_answers import tokens

ROLES = ("system", "developer", "user", "assistant", "tool")
FIELDS = frozenset(
    {
        *("model", "messages", "stream", "stream_options", "response_format", "reasoning_effort", "verbosity"),
        *("tools", "tool_choice", "parallel_tool_calls", "n", "seed", "stop", "temperature", "top_p"),
        *("max_tokens", "max_completion_tokens", "logprobs", "top_logprobs", "frequency_penalty", "presence_penalty"),
        *("user", "metadata", "store", "service_tier", "prompt_cache_key"),
    }
)


class Objection(NamedTuple):
    """Why a request is refused."""

    message: str
    param: str
    code: str | None = None


def objection(body: Mapping[str, Any], context: int) -> Objection | None:
    """Find the first reason to refuse the request."""
    rules = (_fields(body), _messages(body), _tool_calls(body), _tools(body), _format(body), _length(body, context))
    return next((found for rule in rules for found in rule), None)


def _fields(body: Mapping[str, Any]) -> Iterator[Objection]:
    for name in body.keys() - FIELDS:
        yield Objection(f"Unrecognized request argument supplied: {name}", name, "unknown_parameter")
    if {"max_tokens", "max_completion_tokens"} <= body.keys():
        yield Objection("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.", "")


def _messages(body: Mapping[str, Any]) -> Iterator[Objection]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        yield Objection("Invalid 'messages': empty array. Expected an array with minimum length 1.", "messages")
        return
    for at, message in enumerate(messages):
        if message.get("role") not in ROLES:
            words = f"Invalid value: '{message.get('role')}'. Supported values are: {', '.join(ROLES)}."
            yield Objection(words, f"messages[{at}].role", "invalid_value")
        if message.get("content") is None and not message.get("tool_calls"):
            words = f"Invalid value for 'content': expected a string, got null at messages[{at}]."
            yield Objection(words, f"messages[{at}].content")


def _tool_calls(body: Mapping[str, Any]) -> Iterator[Objection]:
    waiting: list[str] = []
    for message in [*body["messages"], {"role": "end"}]:
        if message["role"] != "tool":
            if waiting:
                yield Objection(
                    "An assistant message with 'tool_calls' must be followed by tool messages responding to each"
                    f" 'tool_call_id'. The following tool_call_ids did not have response messages: {waiting[0]}",
                    "messages",
                )
            waiting = [call["id"] for call in message.get("tool_calls") or ()]
        elif message.get("tool_call_id") in waiting:
            waiting.remove(message["tool_call_id"])
        else:
            yield Objection(
                "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with"
                " 'tool_calls'.",
                "messages",
            )


def _tools(body: Mapping[str, Any]) -> Iterator[Objection]:
    given = body.get("tools")
    if given == []:
        yield Objection("Invalid 'tools': empty array. Expected an array with minimum length 1.", "tools")
    if "tool_choice" in body and not given:
        yield Objection("Invalid value for 'tool_choice': 'tool_choice' is only allowed with 'tools'.", "tool_choice")
    names = [tool["function"]["name"] for tool in given or ()]
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice["function"]["name"] not in names:
        yield Objection(f"Tool choice '{choice['function']['name']}' not found in 'tools' parameter.", "tool_choice")
    for at, tool in enumerate(given or ()):
        function = tool["function"]
        where = f"tools[{at}].function"
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", function["name"]):
            yield Objection(f"Invalid '{where}.name': string does not match pattern.", where, "invalid_value")
        strict = bool(function.get("strict"))
        yield from _schema(
            function.get("parameters", {"type": "object"}), f"function '{function['name']}'", where, strict
        )


def _schema(schema: Any, what: str, param: str, strict: bool) -> Iterator[Objection]:
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        yield Objection(f"Invalid schema for {what}: {error.message}", param, "invalid_function_parameters")
        return
    if schema.get("type") != "object":
        words = f"Invalid schema for {what}: schema must be a JSON Schema of 'type: \"object\"'."
        yield Objection(words, param, "invalid_function_parameters")
    if strict:
        yield from (Objection(f"Invalid schema for {what}: {words}", param) for words in _not_strict(schema))


def _not_strict(schema: Any) -> Iterator[str]:
    """What strict schemas have to say: all properties are required, and there are no others."""
    if isinstance(schema, list):
        for inner in schema:
            yield from _not_strict(inner)
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            yield "In context=(), 'additionalProperties' is required to be supplied and to be false."
        if missing := [name for name in schema.get("properties", {}) if name not in schema.get("required", [])]:
            yield (
                "In context=(), 'required' is required to be supplied and to be an array including every key in"
                f" properties. Missing '{missing[0]}'."
            )
    for inner in schema.values():
        yield from _not_strict(inner)


def _format(body: Mapping[str, Any]) -> Iterator[Objection]:
    given = body.get("response_format") or {"type": "text"}
    if given["type"] == "json_object" and "json" not in json.dumps(body["messages"]).lower():
        yield Objection(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            "messages",
        )
    if given["type"] == "json_schema":
        described = given["json_schema"]
        name = f"response_format '{described['name']}'"
        yield from _schema(described["schema"], name, "response_format", bool(described.get("strict")))


def _length(body: Mapping[str, Any], context: int) -> Iterator[Objection]:
    count = tokens(json.dumps(body["messages"]))
    if count > context:
        yield Objection(
            f"This model's maximum context length is {context} tokens. However, your messages resulted in {count}"
            " tokens. Please reduce the length of the messages.",
            "messages",
            "context_length_exceeded",
        )
