"""Seam to a chat model, with its doubles."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from phasegate.core import PhasegateError, digest

Progress = Callable[[int], None]
"""Is told how many characters a reply has so far."""


class _Frozen(BaseModel):
    # Built at the first use: lists of gates and runs load every class and use few.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class ToolSpec(_Frozen):
    """A tool as a model is offered it."""

    name: str
    description: str
    parameters: dict[str, Any]
    """JSON Schema of an object."""


class Use(_Frozen):
    """A model's call of a tool."""

    id: str
    name: str
    arguments: dict[str, Any]


class Prompt(_Frozen):
    """Instructions or material."""

    role: Literal["system", "user"]
    text: str
    cached: bool = False
    """Whether a provider is asked to cache the conversation up to here."""


class Said(_Frozen):
    """Earlier reply of the model in the conversation."""

    role: Literal["assistant"] = "assistant"
    text: str = ""
    uses: tuple[Use, ...] = ()


class Result(_Frozen):
    """The result of a tool that the model called."""

    role: Literal["tool"] = "tool"
    use: str
    """Id of the call that it answers."""
    text: str
    failed: bool = False
    cached: bool = False
    """Whether a provider is asked to cache the conversation up to here."""


Message = Annotated[Prompt | Said | Result, Field(discriminator="role")]


class Call(_Frozen):
    """A request to a chat model."""

    messages: tuple[Message, ...]
    """Of the whole conversation; the first one is the system's."""
    tools: tuple[ToolSpec, ...] = ()
    hand_in: ToolSpec | None = None
    """Shape of the answer that ends the conversation, as a tool; None: text is wanted."""
    max_tokens: int = Field(default=8192, gt=0)
    """Of the reply."""
    place: str = Field(default="", exclude=True)
    """Draft or review that the call belongs to, and its number there: `PHASE/ATTEMPT/ROUND/NAME/NUMBER`.

    No provider is sent it, and it is no part of the digest.
    """

    @property
    def digest(self) -> str:
        """SHA-256 by which a recorded reply is found again."""
        return digest(self.model_dump(mode="json"))

    @property
    def characters(self) -> int:
        """Characters that the provider is sent, schemas included."""
        return len(self.model_dump_json())


class Usage(_Frozen):
    """Tokens of one call."""

    input: int = Field(default=0, ge=0)
    """All tokens of the prompt, those of the cache included."""
    output: int = Field(default=0, ge=0)
    cache_read: int = Field(default=0, ge=0)
    cache_write: int = Field(default=0, ge=0)

    @property
    def total(self) -> int:
        """Tokens in and out."""
        return self.input + self.output


class Stop(StrEnum):
    """Reason for which a reply ended."""

    done = "done"
    tools = "tools"
    """The model waits for the results of tools."""
    length = "length"
    """The reply reached its limit of tokens and is incomplete."""
    refused = "refused"
    """The model or a guardrail refused."""


class Reply(_Frozen):
    """A chat model's reply."""

    text: str = ""
    uses: tuple[Use, ...] = ()
    stop: Stop = Stop.done
    usage: Usage | None = None
    """None: the provider did not say, so that the call's price is unknown."""

    @property
    def said(self) -> Said:
        """The reply as a message of the conversation that goes on."""
        return Said(text=self.text, uses=self.uses)


class ModelFailed(PhasegateError):
    """A provider did not answer, after all retries."""


class ChatModel(Protocol):
    """A chat model of a provider, or a double."""

    @property
    def name(self) -> str:
        """Provider and model as in `init_chat_model`, such as `bedrock_converse:amazon.nova-pro-v1:0`."""

    async def complete(self, call: Call, progress: Progress) -> Reply:
        """Return the reply to a call.

        Args:
            call: the conversation so far.
            progress: is told how long the reply is while it is written.

        Raises:
            ModelFailed: the provider did not answer, or refuses such a call.
        """


class FunctionModel:
    """Double that calls a function."""

    def __init__(self, reply: Callable[[Call], Awaitable[Reply]], name: str = "scripted:function") -> None:
        self.name = name
        self._reply = reply

    async def complete(self, call: Call, progress: Progress) -> Reply:
        """Call the function."""
        reply = await self._reply(call)
        progress(len(reply.text))
        return reply


class ScriptedModel:
    """Double that gives a list of replies, one a call, and keeps the calls."""

    def __init__(self, replies: Iterable[Reply | Mapping[str, Any] | str], name: str = "scripted:list") -> None:
        """Take the replies.

        Args:
            replies: each a reply, the arguments of a hand-in, or a text.
            name: by which limits and prices know the model.
        """
        self.name = name
        self.calls: list[Call] = []
        self._replies = iter(replies)

    async def complete(self, call: Call, progress: Progress) -> Reply:
        """Return the next reply.

        Raises:
            ModelFailed: the list is used up.
        """
        self.calls.append(call)
        reply = next(self._replies, None)
        if reply is None:
            raise ModelFailed("no reply of the scripted model is left", fix="add one to its list")
        return _reply(reply, call, len(self.calls))


def _reply(reply: Reply | Mapping[str, Any] | str, call: Call, number: int) -> Reply:
    if isinstance(reply, Reply):
        return reply
    if isinstance(reply, str):
        return Reply(text=reply, usage=Usage(input=call.characters // 4, output=len(reply) // 4))
    name = call.hand_in.name if call.hand_in else "hand_in"
    use = Use(id=f"use-{number}", name=name, arguments=dict(reply))
    return Reply(uses=(use,), stop=Stop.tools, usage=Usage(input=call.characters // 4, output=len(str(reply)) // 4))
