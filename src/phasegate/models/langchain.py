"""Chat models of LangChain behind the seam, and the only retries of calls to them."""

import asyncio
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, cast

import stamina
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolCall,
    ToolMessage,
)
from langchain_core.messages.ai import UsageMetadata

from phasegate.core import Missing, SystemClock
from phasegate.models.chat import (
    Call,
    Message,
    ModelFailed,
    Progress,
    Prompt,
    Reply,
    Result,
    Stop,
    ToolSpec,
    Usage,
    Use,
)

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

BEDROCK = "bedrock_converse"
_EXTRAS = {"anthropic": "anthropic", "openai": "openai", "ollama": "ollama"}
_RETRIED = {408, 409, 425, 429, 500, 502, 503, 504, 529}
_RETRIED_CODES = {
    # By code and not by status: within a stream the status is 200 already.
    "ThrottlingException",
    "TooManyRequestsException",
    "ServiceQuotaExceededException",
    "ModelTimeoutException",
    "ModelNotReadyException",
    "ModelStreamErrorException",
    "InternalServerException",
    "ServiceUnavailableException",
}
"""Codes of Bedrock's errors, which arrive as answers and in the middle of streams alike."""
_STOPS = {
    "max_tokens": Stop.length,
    "length": Stop.length,
    "model_context_window_exceeded": Stop.length,
    "guardrail_intervened": Stop.refused,
    "content_filtered": Stop.refused,
    "content_filter": Stop.refused,
    "refusal": Stop.refused,
    "tool_use": Stop.tools,
    "tool_calls": Stop.tools,
}


_ENDED = {"LengthFinishReasonError": Stop.length, "ContentFilterFinishReasonError": Stop.refused}
"""Errors by which a client of OpenAI's protocol tells that a structured answer ended early."""


_UNHELD = ("default", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems")
"""Words of a schema that providers refuse where the answer is held to it."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of calls to providers."""

    attempts: int = 5
    """Of one call, the first one counted."""
    wait: float = 1.0
    """Seconds within which the first retry begins; each later one doubles it."""
    longest_wait: float = 60.0
    """Seconds between two attempts at most, whatever a provider asks for."""
    seconds: float = 300.0
    """How long one attempt may take."""
    native: bool = False
    """Whether the provider's own structured output gives the answer, in place of a forced tool."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """More arguments of `init_chat_model`, such as `region_name` or `base_url`."""


@dataclass(kw_only=True)
class LangChainModel:
    """Chat model of `init_chat_model`."""

    name: str
    settings: Settings = field(default_factory=Settings)
    forces: bool = True
    """Whether the model takes a forced tool; found out at the first call."""
    _model: "BaseChatModel | None" = None

    async def complete(self, call: Call, progress: Progress) -> Reply:
        """Return the reply to a call, after retries where the provider is busy or failed.

        Raises:
            Missing: the provider's package is not installed, or there are no credentials.
            ModelFailed: the provider did not answer, or refuses such a call.
        """
        waits = _Waits(self.settings)
        try:
            # Retries are ours alone. Those of the providers' libraries are switched off, since they multiply with these
            # and hide each failure.
            async for attempt in stamina.retry_context(
                on=waits.before_retry, attempts=self.settings.attempts, timeout=None
            ):
                with attempt:
                    # For each attempt: a library's own read timeout begins anew with every byte of a stream.
                    async with asyncio.timeout(self.settings.seconds):
                        return await self._attempt(call, progress)
        except Missing:
            raise
        except Exception as error:
            raise self._failed(error, min(waits.count, self.settings.attempts - 1)) from error
        raise AssertionError("unreachable")  # stamina returns or raises

    async def _attempt(self, call: Call, progress: Progress) -> Reply:
        try:
            return await self._streamed(call, progress)
        except Exception as error:
            if not (self.forces and call.hand_in and _refuses_force(error)):
                raise
        # Kept for the model's later calls, which would be refused the same way.
        self.forces = False
        return await self._streamed(call, progress)

    async def _streamed(self, call: Call, progress: Progress) -> Reply:
        if self._model is None:
            # In a thread: importing a provider's library takes a second or more, which would hold up every other run.
            self._model = await asyncio.to_thread(provider_model, self.name, self.settings)
        # Summed up at the end: each sum parses the whole call of a tool again, which of a long answer takes seconds.
        chunks: list[AIMessageChunk] = []
        length, ended = 0, None
        try:
            async for chunk in _bound(self._model, call, self).astream(_messages(call, self.name)):
                chunks.append(cast(AIMessageChunk, chunk))
                length += _length(chunks[-1])
                progress(length)
        except Exception as error:
            # What arrived is a reply that ended early, of which the library makes an error as it is no whole document.
            ended = _ENDED.get(type(error).__name__)
            if ended is None or not chunks:
                raise
            chunks.append(_last(error))
        if not chunks:
            raise ConnectionError("the provider sent an empty stream")
        first, *rest = chunks
        reply = _reply(first + rest if rest else first, call)
        return reply.model_copy(update={"stop": ended}) if ended else reply

    def _failed(self, error: Exception, retries: int) -> ModelFailed:
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        if isinstance(error, TimeoutError):
            what = f"no answer within {self.settings.seconds:g} s"
        again = f" after {retries} retries" if retries else ""
        return ModelFailed(f"'{self.name}' failed{again}: {what}"[:2000], fix=_remedy(error))


class _Waits:
    """Decides whether and when to try again: as the provider asks, else a random part of a doubling span."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.count = 0

    def before_retry(self, error: Exception) -> float | bool:
        if not _is_passing(error):
            return False
        self.count += 1
        span = min(self._settings.longest_wait, self._settings.wait * 2 ** (self.count - 1))
        asked = _retry_after(error)
        # Full jitter: workers that were throttled together do not come back together.
        return min(asked, self._settings.longest_wait) if asked is not None else random.uniform(0.001, span)  # noqa: S311


def provider_model(name: str, settings: Settings) -> "BaseChatModel":
    """Return the library's model of that name.

    Raises:
        Missing: the provider's package is not installed, or it refuses the name or its settings.
    """
    from langchain.chat_models import init_chat_model

    provider = name.partition(":")[0]
    options: dict[str, Any] = {"max_retries": 0} if provider in ("anthropic", "openai") else {}
    if provider == "openai":
        options["stream_usage"] = True  # its client asks no server but OpenAI's own for it
    if provider == BEDROCK:
        options = _bedrock_options(settings)
    try:
        return cast("BaseChatModel", init_chat_model(name, **{**options, **settings.options}))
    except ImportError as error:
        extra = f"phasegate[{_EXTRAS[provider]}]" if provider in _EXTRAS else f"langchain-{provider.replace('_', '-')}"
        raise Missing(f"the package for '{name}' is not installed", fix=f"pip install '{extra}'") from error
    except ValueError as error:
        raise Missing(f"'{name}' cannot be used: {error}", fix=_mend(name, str(error))) from error


def _mend(name: str, message: str) -> str:
    if name.startswith(BEDROCK) and "credential" in message.lower():
        return "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret; and region_name under [models.options]"
    return "name a model as PROVIDER:MODEL, with its keys set"


def _bedrock_options(settings: Settings) -> dict[str, Any]:
    from botocore.config import Config

    # One attempt: botocore's own retries would multiply with ours, and hide each failure behind its read timeout.
    config = Config(
        retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=settings.seconds, max_pool_connections=50
    )
    return {"config": config}


def _bound(model: "BaseChatModel", call: Call, settings: LangChainModel) -> Any:
    tools = [*call.tools, *filter(None, [call.hand_in])]
    options: dict[str, Any] = {settings_name(settings.name): call.max_tokens}
    if call.hand_in and settings.settings.native and not call.tools:
        return model.bind(response_format=_response_format(call.hand_in), **options)
    if not tools:
        return model.bind(**options)
    # Forced only where there is no other tool: a model that has to look something up first could not.
    choice = {"tool_choice": call.hand_in.name} if call.hand_in and not call.tools and settings.forces else {}
    return model.bind_tools([_tool(tool) for tool in tools], **choice, **options)


def settings_name(name: str) -> str:
    """Return what a provider calls the limit of a reply's tokens."""
    return "num_predict" if name.startswith("ollama") else "max_tokens"


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _response_format(tool: ToolSpec) -> dict[str, Any]:
    schema = {"name": tool.name, "description": tool.description, "schema": _strict(tool.parameters), "strict": True}
    return {"type": "json_schema", "json_schema": schema}


def _strict(schema: Any) -> Any:
    """Return a schema as providers hold a decoder to it: every property is there, no other is, and none is bounded.

    What is left out is checked when the answer is read.
    """
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    held = {name: _strict(value) for name, value in schema.items() if name not in (*_UNHELD, "properties")}
    if "properties" not in schema:
        return held
    inner = {name: _strict(value) for name, value in schema["properties"].items()}
    return {**held, "properties": inner, "required": list(inner), "additionalProperties": False}


def _messages(call: Call, name: str) -> list[BaseMessage]:
    return [_message(message, name) for message in call.messages]


def _message(message: Message, name: str) -> BaseMessage:
    match message:
        case Prompt(role="system"):
            return SystemMessage(_content(message, name))
        case Prompt():
            return HumanMessage(_content(message, name))
        case Result():
            status = "error" if message.failed else "success"
            return ToolMessage(_result_content(message, name), tool_call_id=message.use, status=status)
        case _:
            calls = [ToolCall(id=use.id, name=use.name, args=use.arguments) for use in message.uses]
            return AIMessage(message.text, tool_calls=calls)


def _content(prompt: Prompt, name: str) -> str | list[str | dict[str, Any]]:
    """Return the text with a cache point where the provider has them and caches nothing by itself."""
    return _cached(prompt.text, name) if prompt.cached and _caches(name) else prompt.text


def _result_content(result: Result, name: str) -> str | list[str | dict[str, Any]]:
    """Return the result of a tool, with a cache point where one may follow it: after Claude's, not after Nova's."""
    text = result.text or "(nothing)"
    return _cached(text, name) if result.cached and _caches(name) and "amazon.nova" not in name else text


def _cached(text: str, name: str) -> list[str | dict[str, Any]]:
    if name.startswith(BEDROCK):
        return [{"type": "text", "text": text}, {"cachePoint": {"type": "default"}}]
    return [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]


def _caches(name: str) -> bool:
    if name.startswith("anthropic:"):
        return True
    # A cache point is an error for a Bedrock model that has no cache; Claude (from 3.5) and Nova have one.
    return name.startswith(BEDROCK) and ("anthropic.claude" in name or "amazon.nova" in name)


def _length(message: AIMessage) -> int:
    """Return the characters so far, also of a model that does not stream with tools and comes whole."""
    chunks = message.tool_call_chunks if isinstance(message, AIMessageChunk) else ()
    return len(message.text) + sum(len(chunk.get("args") or "") for chunk in chunks)


def _reply(message: AIMessage, call: Call) -> Reply:
    metadata = message.response_metadata
    reason = str(metadata.get("stopReason") or metadata.get("stop_reason") or metadata.get("finish_reason") or "")
    uses = tuple(_uses(message))
    stop = _STOPS.get(reason, Stop.tools if uses else Stop.done)
    return Reply(text=message.text, uses=uses, stop=stop, usage=_usage(message))


def _uses(message: AIMessage) -> Iterator[Use]:
    for number, call in enumerate(message.tool_calls):
        yield Use(id=call["id"] or f"use-{number}", name=call["name"], arguments=dict(call["args"]))
    for number, bad in enumerate(message.invalid_tool_calls):
        # Kept as it came, so that the model is told what is wrong with it.
        text = bad.get("args") or ""
        yield Use(id=bad.get("id") or f"bad-{number}", name=bad.get("name") or "", arguments=_loose(text))


def _loose(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        found = None
    return found if isinstance(found, dict) else {"(not JSON)": text[:2000]}


def _last(error: Exception) -> AIMessageChunk:
    """Return the end of a stream that a library's error took the place of, with the tokens that it tells of."""
    used = getattr(getattr(error, "completion", None), "usage", None)
    if used is None:
        return AIMessageChunk(content="")
    amounts = {"input_tokens": used.prompt_tokens, "output_tokens": used.completion_tokens}
    cached = getattr(used.prompt_tokens_details, "cached_tokens", None) or 0
    total = {"total_tokens": used.total_tokens, "input_token_details": {"cache_read": cached}}
    return AIMessageChunk(content="", usage_metadata=cast(UsageMetadata, amounts | total))


def _usage(message: AIMessage) -> Usage | None:
    found = message.usage_metadata
    if found is None:
        return None
    details = found.get("input_token_details") or {}
    written = details.get("cache_creation") or 0
    by_age: Sequence[str] = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
    written = written or sum(cast(int, details.get(name) or 0) for name in by_age)
    return Usage(
        input=found["input_tokens"],
        output=found["output_tokens"],
        cache_read=details.get("cache_read") or 0,
        cache_write=written,
    )


def _status(error: BaseException) -> int:
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore's
        return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    found = getattr(error, "status_code", None) or getattr(response, "status_code", None)
    return found if isinstance(found, int) else 0


def _code(error: BaseException) -> str:
    response = getattr(error, "response", None)
    code = str(response.get("Error", {}).get("Code") or "") if isinstance(response, dict) else ""
    return code[:1].upper() + code[1:]  # in streams the service writes throttlingException


def _is_passing(error: Exception) -> bool:
    if isinstance(error, Missing):
        return False
    if _code(error) in _RETRIED_CODES or _status(error) in _RETRIED:
        return True
    return isinstance(error, ConnectionError | TimeoutError) or type(error).__name__ in _LOST or _is_torn(error)


def _is_torn(error: Exception) -> bool:
    """Return whether an answer broke off, of which botocore makes an empty one."""
    return isinstance(error, ValueError) and "No 'output' key" in str(error)


_LOST = {
    "APIConnectionError",
    "APITimeoutError",
    "ConnectError",
    "ConnectionClosedError",
    "ConnectTimeout",
    "ConnectTimeoutError",
    "EndpointConnectionError",
    "IncompleteReadError",
    "ProtocolError",
    "ReadError",
    "ReadTimeout",
    "ReadTimeoutError",
    "RemoteProtocolError",
    "ResponseStreamingError",
}
"""Errors of HTTP clients by which a connection was lost: each provider's package has a client of its own."""


def _retry_after(error: Exception) -> float | None:
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    else:
        headers = getattr(response, "headers", None) or {}
    text = str(headers.get("retry-after") or "")
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        return _until(text)


def _until(text: str) -> float | None:
    try:
        return max(0.0, (parsedate_to_datetime(text) - SystemClock().now()).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None


def _refuses_force(error: Exception) -> bool:
    """Return whether a model has no forced tools: by LangChain's table, or by the provider's own word."""
    text = str(error).lower().replace("_", "").replace(" ", "")
    return "toolchoice" in text and (isinstance(error, ValueError) or _status(error) == 400)


def _remedy(error: Exception) -> str:
    code, status = _code(error), _status(error)
    if _is_torn(error):
        return "wait, then 'phasegate run --resume RUN'; if it stays so, look at region_name under [models.options]"
    missing = "credential" in f"{type(error).__name__} {error}".lower()
    if missing or code in ("AccessDeniedException", "UnrecognizedClientException"):
        return "give credentials that may call this model, then 'phasegate run --resume RUN'"
    if status in (401, 403):
        return "give a key that may call this model, then 'phasegate run --resume RUN'"
    if code == "ValidationException" or status in (400, 404):
        return "the provider refuses such a call: name another model, or mend its settings in phasegate.toml"
    return "wait, then 'phasegate run --resume RUN'; or have another model work"
