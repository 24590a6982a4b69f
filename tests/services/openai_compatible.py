"""A local server that speaks OpenAI's chat completions, as many servers of models do, with answers from a script.

with serve(OpenAIService([text("Hello")])) as address:
    ChatOpenAI(model=MODEL, base_url=f"{address}/v1", api_key=KEY)
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from services.model_answers import (
    Asked,
    Error,
    Reply,
    Role,
    Script,
    Stop,
    Text,
    Thought,
    ToolUse,
    Turn,
    formed,
    pieces,
    tokens,
    written,
)
from services.model_sending import JSON, ModelService, Part, Sent, halves
from services.openai_rules import objection

KEY = "sk-testing"
MODEL = "team-model"
CONTEXT = 128_000
STREAM = "text/event-stream"
STOPS: Mapping[Stop, str] = {
    "end": "stop",
    "tool_use": "tool_calls",
    "length": "length",
    "filtered": "stop",
    "guardrail": "content_filter",
    "stop_sequence": "stop",
}
CODES = {
    "ThrottlingException": ("rate_limit_error", "rate_limit_exceeded"),
    "ModelNotReadyException": ("server_error", "model_not_ready"),
    "ValidationException": ("invalid_request_error", None),
    "AccessDeniedException": ("permission_error", "model_access_denied"),
}
"""Type and code of errors by their names at Bedrock; others are the server's."""


class OpenAIService(ModelService):
    """Answers by a script; what was asked is in `asked`."""

    def __init__(self, script: Script = ()) -> None:
        super().__init__(script)
        self.app.add_api_route("/v1/chat/completions", self._complete, methods=["POST"])
        self.app.add_api_route("/v1/models", self._models, methods=["GET"])

    def clear(self) -> None:
        """Make it as it was at first, with an empty script."""
        super().clear()
        self.models = {MODEL}
        self.knows_schemas = True
        """Whether it holds answers to a schema."""

    async def _models(self, _: Request) -> Response:
        rows = [{"id": name, "object": "model", "created": 0, "owned_by": "team"} for name in sorted(self.models)]
        return JSONResponse({"object": "list", "data": rows})

    async def _complete(self, request: Request) -> Response:
        raw = await request.body()
        found = self._check(request.headers, raw)
        if isinstance(found, Response):
            return found
        asked = _read(found, request.headers)
        answer = self.next_answer(asked)
        if isinstance(answer, Error):
            return JSONResponse(_error(answer), answer.status, dict(answer.headers))
        reply = formed(answer, asked)
        await self.work(reply)
        return self._stream(reply, asked) if asked.streams else self._whole(reply, asked)

    def _check(self, headers: Mapping[str, str], raw: bytes) -> dict[str, Any] | Response:
        if headers.get("authorization") != f"Bearer {KEY}":
            return self._refuse(401, "Incorrect API key provided.", "invalid_api_key")
        try:
            body = json.loads(raw)
        except ValueError:
            return self._refuse(400, "We could not parse the JSON body of your request.")
        if not isinstance(body, dict) or body.get("model") not in self.models:
            return self._refuse(404, "The model does not exist or you do not have access to it.", "model_not_found")
        if (body.get("response_format") or {}).get("type") == "json_schema" and not self.knows_schemas:
            words = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
            return self._refuse(400, words)
        if why := objection(body, self.context or CONTEXT):
            return self._refuse(400, why.message, why.code, why.param)
        return body

    def _refuse(self, status: int, message: str, code: str | None = None, param: str | None = None) -> Response:
        self.refused.append(message)
        error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
        return JSONResponse({"error": error}, status)

    def _whole(self, reply: Reply, asked: Asked) -> Response:
        if reply.breaks and isinstance(reply.breaks.how, Error):
            return JSONResponse(_error(reply.breaks.how), reply.breaks.how.status)
        choice = {"index": 0, "message": _message(reply, len(self.asked)), "finish_reason": STOPS[reply.stop or "end"]}
        head = _head(asked, "chat.completion")
        return self._sent(
            reply, JSON, halves(json.dumps({**head, "choices": [choice], "usage": _usage(reply, asked)}).encode())
        )

    def _stream(self, reply: Reply, asked: Asked) -> Response:
        head = _head(asked, "chat.completion.chunk")
        parts = [_chunk(head, {"role": "assistant", "content": ""}, is_piece=False)]
        parts += [_chunk(head, delta) for delta in _deltas(reply, len(self.asked), self.size)]
        parts.append(_chunk(head, {}, STOPS[reply.stop or "end"], is_piece=False))
        if (asked.body.get("stream_options") or {}).get("include_usage"):
            parts.append(_event({**head, "choices": [], "usage": _usage(reply, asked)}))
        return self._sent(reply, STREAM, [*parts, Part(b"data: [DONE]\n\n", False)])

    def _sent(self, reply: Reply, kind: str, parts: list[Part]) -> Response:
        return Sent(reply, kind, parts, lambda error: _event(_error(error)).content, self.left, {})


def _event(content: Mapping[str, Any], *, is_piece: bool = False) -> Part:
    return Part(b"data: " + json.dumps(content).encode() + b"\n\n", is_piece)


def _chunk(
    head: Mapping[str, Any], delta: Mapping[str, Any], stop: str | None = None, *, is_piece: bool = True
) -> Part:
    return _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": stop}]}, is_piece=is_piece)


def _head(asked: Asked, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid4().hex}", "object": kind, "created": 0, "model": asked.model}


def _error(error: Error) -> dict[str, Any]:
    kind, code = CODES.get(error.code, ("server_error", None))
    code = "insufficient_quota" if error.quota else code
    return {"error": {"message": error.message, "type": kind, "param": None, "code": code}}


def _words(reply: Reply, kind: type[Text | Thought]) -> str | None:
    return "".join(block.words for block in reply.blocks if isinstance(block, kind)) or None


def _message(reply: Reply, call: int) -> dict[str, Any]:
    refuses = reply.stop == "filtered"
    words = _words(reply, Text)
    message = {"role": "assistant", "content": None if refuses else words, "refusal": words if refuses else None}
    calls = [_call(block, call, at) for at, block in enumerate(_uses(reply))]
    thought = _words(reply, Thought)
    return {
        **message,
        **({"tool_calls": calls} if calls else {}),
        **({"reasoning_content": thought} if thought else {}),
    }


def _uses(reply: Reply) -> list[ToolUse]:
    return [block for block in reply.blocks if isinstance(block, ToolUse)]


def _call(block: ToolUse, call: int, at: int) -> dict[str, Any]:
    return {
        "id": block.id or f"call_{call}_{at}",
        "type": "function",
        "function": {"name": block.name, "arguments": block.raw},
    }


def _deltas(reply: Reply, call: int, size: int) -> Iterator[Mapping[str, Any]]:
    at = 0
    for block in reply.blocks:
        if isinstance(block, ToolUse):
            begun = _call(block, call, at)
            yield {"tool_calls": [{**begun, "index": at, "function": {"name": block.name, "arguments": ""}}]}
            for piece in pieces(block.raw, size):
                yield {"tool_calls": [{"index": at, "function": {"arguments": piece}}]}
            at += 1
        elif isinstance(block, Text | Thought):
            name = (
                "reasoning_content"
                if isinstance(block, Thought)
                else "refusal"
                if reply.stop == "filtered"
                else "content"
            )
            yield from ({name: piece} for piece in pieces(block.words, size))


def _usage(reply: Reply, asked: Asked) -> dict[str, Any]:
    counted = reply.usage
    read = counted.cache_read or 0
    given = (tokens(json.dumps(asked.body["messages"])) if counted.input is None else counted.input) + read
    output = tokens(written(reply)) if counted.output is None else counted.output
    return {
        "prompt_tokens": given,
        "completion_tokens": output,
        "total_tokens": given + output,
        "prompt_tokens_details": {"cached_tokens": read},
        "completion_tokens_details": {"reasoning_tokens": counted.reasoning},
    }


def _read(body: Mapping[str, Any], headers: Mapping[str, str]) -> Asked:
    choice = body.get("tool_choice") or ""
    messages = body["messages"]
    return Asked(
        operation="chat/completions",
        model=body["model"],
        streams=bool(body.get("stream")),
        body=body,
        headers=dict(headers),
        system="\n".join(_content(message) for message in messages if message["role"] in ("system", "developer")),
        turns=tuple(turn for message in messages for turn in _turns(message)),
        tools={tool["function"]["name"]: tool["function"].get("parameters", {}) for tool in body.get("tools") or ()},
        choice=choice["function"]["name"] if isinstance(choice, dict) else choice.replace("required", "any"),
        schema=((body.get("response_format") or {}).get("json_schema") or {}).get("schema"),
    )


def _turns(message: Mapping[str, Any]) -> Iterator[Turn]:
    roles: Mapping[str, Role] = {"user": "user", "assistant": "assistant", "tool": "tool"}
    if message["role"] not in roles:
        return
    if message.get("content"):
        yield Turn(roles[message["role"]], _content(message))
    yield from (Turn("assistant", json.dumps(call)) for call in message.get("tool_calls") or ())


def _content(message: Mapping[str, Any]) -> str:
    content = message["content"]
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if part.get("type") == "text")
