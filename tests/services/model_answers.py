"""Scripted answers of a model, the same for every local service that speaks a provider's protocol.

A script is a function from `Asked` to `Answer`, or answers in their order:

    BedrockService([text("Hello"), throttled(), uses("Look", region="eu-west-1").slow(0.2)])
    BedrockService(lambda asked: structured({"title": asked.last}))
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

Stop = Literal["end", "tool_use", "length", "filtered", "guardrail", "stop_sequence"]
Role = Literal["user", "assistant", "tool"]


class Turn(NamedTuple):
    """A message of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request that came in, in words that are the same for every provider."""

    operation: str
    model: str
    streams: bool
    body: Mapping[str, Any]
    """As it came over the wire."""
    headers: Mapping[str, str]
    system: str
    turns: tuple[Turn, ...]
    tools: Mapping[str, Mapping[str, Any]]
    """The JSON Schema of each tool's input, by the tool's name."""
    choice: str
    """`auto`, `any`, or the name of the one tool that has to be used; empty where nothing was said."""
    schema: Mapping[str, Any] | None
    """What the text of the answer has to have, where the provider is asked to see to it."""
    cache_points: int = 0

    @property
    def last(self) -> str:
        """Text of the last message."""
        return self.turns[-1].text if self.turns else ""

    @cached_property
    def prompt(self) -> str:
        """Text of the system prompt and all messages."""
        return "\n".join([self.system, *(turn.text for turn in self.turns)])

    @property
    def wanted_tool(self) -> str:
        """The tool that a document is the input of: the forced one, else `hand_in` among others, else the first."""
        known = (name for name in (self.choice, "hand_in") if name in self.tools)
        return next(known, next(iter(self.tools), ""))


@dataclass(frozen=True)
class Text:
    """Words of the model."""

    words: str


@dataclass(frozen=True)
class Thought:
    """Reasoning that a provider shows."""

    words: str
    signature: str = "c2lnbmF0dXJl"


@dataclass(frozen=True)
class ToolUse:
    """A tool call."""

    name: str
    raw: str
    """Its input as the model wrote it: JSON, or what should have been."""
    id: str = ""


@dataclass(frozen=True)
class Structured:
    """A document in whichever form the request asks for: the input of its tool, or the text."""

    raw: str


Block = Text | Thought | ToolUse | Structured


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens that are counted for a call; what is None is counted from the text."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int = 0


@dataclass(frozen=True, kw_only=True)
class Error:
    """An error of the service, by the name that Bedrock has for it."""

    code: str
    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    quota: bool = False
    """Whether waiting a moment does not help."""


@dataclass(frozen=True, kw_only=True)
class Break:
    """How an answer ends too early, once `after` pieces of it were sent."""

    after: int
    how: Literal["torn", "silent"] | Error


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer of the model."""

    blocks: tuple[Block, ...]
    stop: Stop | None = None
    """None: `tool_use` where a tool is used, else `end`."""
    usage: Usage = Usage()
    seconds: float = 0.0
    """How long nothing is sent."""
    each: float = 0.0
    """How long each piece of a stream takes."""
    calls: int = 1
    """How many calls the model has to have worked on at the same time before it answers."""
    breaks: Break | None = None

    def together(self, calls: int) -> "Reply":
        """Wait until so many calls were there at the same time."""
        return replace(self, calls=calls)

    def slow(self, seconds: float, each: float = 0.0) -> "Reply":
        """Wait before the first byte, and before each piece of a stream."""
        return replace(self, seconds=seconds, each=each)

    def torn(self, after: int = 2) -> "Reply":
        """Close the connection in the middle."""
        return replace(self, breaks=Break(after=after, how="torn"))

    def silent(self, after: int = 0) -> "Reply":
        """Send nothing more, and leave the connection open, until the client goes."""
        return replace(self, breaks=Break(after=after, how="silent"))

    def interrupted(self, error: Error, after: int = 2) -> "Reply":
        """End a stream with an error; without a stream the error is the answer."""
        return replace(self, breaks=Break(after=after, how=error))

    def costing(self, **usage: int) -> "Reply":
        """Count other tokens than the text has."""
        return replace(self, usage=replace(self.usage, **usage))

    def after_thinking(self, words: str) -> "Reply":
        """Show reasoning first."""
        return replace(self, blocks=(Thought(words), *self.blocks))

    def also(self, other: "Reply") -> "Reply":
        """Add the other's blocks: words and a tool call, or several calls."""
        return replace(self, blocks=(*self.blocks, *other.blocks))


Answer = Reply | Error
Script = Callable[[Asked], Answer] | Iterable[Answer]


def text(words: str) -> Reply:
    """Plain words."""
    return Reply(blocks=(Text(words),))


def uses(tool: str, **given: Any) -> Reply:
    """A tool call."""
    return Reply(blocks=(ToolUse(tool, json.dumps(given)),))


def structured(value: Any) -> Reply:
    """A document in the form that the request asks for."""
    return Reply(blocks=(Structured(json.dumps(value)),))


def malformed(raw: str) -> Reply:
    """What should be JSON and is not, in the form that the request asks for."""
    return Reply(blocks=(Structured(raw),))


def as_string(value: Mapping[str, Any], name: str) -> Reply:
    """A document one of whose fields is a string that holds the field's JSON."""
    return structured({**value, name: json.dumps(value[name])})


def without_input(tool: str) -> Reply:
    """A tool call that gives nothing."""
    return uses(tool)


def nothing() -> Reply:
    """No content at all."""
    return Reply(blocks=())


def refusal(words: str = "I cannot help with that.") -> Reply:
    """What a model says that will not do it."""
    return Reply(blocks=(Text(words),), stop="filtered")


def guardrail(words: str = "Blocked by the guardrail.") -> Reply:
    """What a guardrail says in place of the model."""
    return Reply(blocks=(Text(words),), stop="guardrail")


def truncated(words: str) -> Reply:
    """Words that end where the limit of tokens was reached."""
    return Reply(blocks=(Text(words),), stop="length")


def truncated_document(raw: str) -> Reply:
    """A document that ends where the limit of tokens was reached."""
    return Reply(blocks=(Structured(raw),), stop="length")


def throttled(retry_after: str | None = None) -> Error:
    """Too many requests."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    words = "Too many requests, please wait before trying again."
    return Error(code="ThrottlingException", status=429, message=words, headers=headers)


def out_of_quota() -> Error:
    """No more requests for today, or for the money."""
    words = "Too many tokens per day, please wait before trying again."
    return replace(throttled(), message=words, quota=True)


def not_ready() -> Error:
    """A model that is being loaded."""
    return Error(code="ModelNotReadyException", status=429, message="Model is not ready for inference.")


def timed_out() -> Error:
    """A model that took too long."""
    return Error(code="ModelTimeoutException", status=408, message="Model processing has timed out.")


def unavailable() -> Error:
    """A service that is overloaded."""
    return Error(code="ServiceUnavailableException", status=503, message="Bedrock is unable to process your request.")


def internal() -> Error:
    """A service that failed."""
    words = "The system encountered an unexpected error during processing. Try your request again."
    return Error(code="InternalServerException", status=500, message=words)


def model_error(words: str = "Model produced invalid sequence as part of ToolUse.") -> Error:
    """A model that wrote what the service cannot read."""
    return Error(code="ModelErrorException", status=424, message=words)


def stream_error(words: str = "Model produced invalid sequence as part of ToolUse.") -> Error:
    """The same in a stream."""
    return Error(code="ModelStreamErrorException", status=424, message=words)


def invalid(words: str) -> Error:
    """A request that the service refuses."""
    return Error(code="ValidationException", status=400, message=words)


def denied(words: str = "You don't have access to the model with the specified model ID.") -> Error:
    """A caller who may not use the model."""
    return Error(code="AccessDeniedException", status=403, message=words)


def formed(reply: Reply, asked: Asked, *, obeys: bool = True) -> Reply:
    """Put documents into the form that the request asks for; a model that does not obey writes them as text."""
    found = tuple(_formed(block, asked, obeys=obeys) for block in reply.blocks)
    stop = reply.stop or ("tool_use" if any(isinstance(block, ToolUse) for block in found) else "end")
    return replace(reply, blocks=found, stop=stop)


def _formed(block: Block, asked: Asked, *, obeys: bool) -> Block:
    if not isinstance(block, Structured):
        return block
    if asked.tools and not asked.schema and obeys:
        return ToolUse(asked.wanted_tool, block.raw)
    return Text(block.raw)


def written(reply: Reply) -> str:
    """All that the model wrote."""
    return "".join(block.words if isinstance(block, Text | Thought) else block.raw for block in reply.blocks)


class Scripted:
    """What is answered next; a script that ends or fails is an error that no client tries again."""

    def __init__(self, script: Script) -> None:
        self._function = script if callable(script) else None
        self._rest: Iterator[Answer] = iter(()) if callable(script) else iter(script)

    def answer(self, asked: Asked) -> Answer:
        """Take the next answer, or ask the function."""
        if self._function is None:
            return next(self._rest, invalid("The script of the local service has no answer left."))
        try:
            return self._function(asked)
        except Exception as error:
            return invalid(f"The script of the local service failed: {error!r}")


def tokens(content: str) -> int:
    """Estimate tokens at four characters each."""
    return -(-len(content) // 4)


def pieces(content: str, size: int) -> Iterator[str]:
    """Cut into what a stream sends at a time."""
    return (content[start : start + size] for start in range(0, len(content), size))
