"""Bedrock's answers on the wire: JSON, and frames of an event stream with their checksums."""

import json
from collections.abc import Iterator, Mapping
from struct import pack
from typing import Any, NamedTuple
from zlib import crc32

from services.model_answers import Block, Error, Reply, Stop, Text, Thought, ToolUse, Usage, pieces

STREAM = "application/vnd.amazon.eventstream"
STOPS: Mapping[Stop, str] = {
    "end": "end_turn",
    "tool_use": "tool_use",
    "length": "max_tokens",
    "filtered": "content_filtered",
    "guardrail": "guardrail_intervened",
    "stop_sequence": "stop_sequence",
}


class Event(NamedTuple):
    """An event of a stream."""

    name: str
    body: Mapping[str, Any]

    @property
    def is_piece(self) -> bool:
        """Whether it carries a part of what the model wrote."""
        return self.name == "contentBlockDelta"


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Encode one message: prelude and its CRC, headers, payload, CRC of all."""
    named = b"".join(_header(name, value) for name, value in headers.items())
    prelude = pack("!II", 16 + len(named) + len(payload), len(named))
    message = prelude + pack("!I", crc32(prelude)) + named + payload
    return message + pack("!I", crc32(message))


def _header(name: str, value: str) -> bytes:
    raw, text = name.encode(), value.encode()
    return pack("!B", len(raw)) + raw + pack("!BH", 7, len(text)) + text


def event_frame(event: Event) -> bytes:
    """Encode an event."""
    headers = {":event-type": event.name, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, json.dumps(event.body).encode())


def error_frame(error: Error) -> bytes:
    """Encode an error in the middle of a stream, whose name begins with a small letter there."""
    name = error.code[0].lower() + error.code[1:]
    headers = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return frame(headers, json.dumps({"message": error.message}).encode())


def as_json(reply: Reply, usage: Mapping[str, Any], call: int, latency: int) -> dict[str, Any]:
    """Answer of Converse.

    Raises:
        ValueError: The input of a tool is no JSON, which the service itself has to read here.
    """
    assert reply.stop is not None
    content = [_block(block, f"tooluse_{call}_{at}", reply.stop) for at, block in enumerate(reply.blocks)]
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": STOPS[reply.stop],
        "usage": dict(usage),
        "metrics": {"latencyMs": latency},
    }


def _block(block: Block, id: str, stop: Stop) -> dict[str, Any]:
    if isinstance(block, Text):
        return {"text": block.words}
    if isinstance(block, Thought):
        return {"reasoningContent": {"reasoningText": {"text": block.words, "signature": block.signature}}}
    assert isinstance(block, ToolUse)
    return {"toolUse": {"toolUseId": block.id or id, "name": block.name, "input": _input(block.raw, stop)}}


def _input(raw: str, stop: Stop) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        if stop == "length":
            return {}
        raise


def as_events(reply: Reply, usage: Mapping[str, Any], call: int, latency: int, size: int) -> Iterator[Event]:
    """Events of ConverseStream, with at most `size` characters in each."""
    assert reply.stop is not None
    yield Event("messageStart", {"role": "assistant"})
    for at, block in enumerate(reply.blocks):
        if isinstance(block, ToolUse):
            start = {"toolUse": {"toolUseId": block.id or f"tooluse_{call}_{at}", "name": block.name}}
            yield Event("contentBlockStart", {"start": start, "contentBlockIndex": at})
        for delta in _deltas(block, size):
            yield Event("contentBlockDelta", {"delta": delta, "contentBlockIndex": at})
        yield Event("contentBlockStop", {"contentBlockIndex": at})
    yield Event("messageStop", {"stopReason": STOPS[reply.stop]})
    yield Event("metadata", {"usage": dict(usage), "metrics": {"latencyMs": latency}})


def _deltas(block: Block, size: int) -> Iterator[Mapping[str, Any]]:
    if isinstance(block, Text):
        yield from ({"text": piece} for piece in pieces(block.words, size))
    elif isinstance(block, Thought):
        yield from ({"reasoningContent": {"text": piece}} for piece in pieces(block.words, size))
        yield {"reasoningContent": {"signature": block.signature}}
    else:
        yield from ({"toolUse": {"input": piece}} for piece in pieces(block.raw, size))


def usage_of(counted: Usage) -> dict[str, Any]:
    """Usage as Bedrock names it; its input tokens are those that no cache had part in."""
    read, write = counted.cache_read or 0, counted.cache_write or 0
    given, output = counted.input or 0, counted.output or 0
    total = given + read + write + output
    cached = {"cacheReadInputTokens": read, "cacheWriteInputTokens": write}
    return {"inputTokens": given, "outputTokens": output, "totalTokens": total, **cached}
