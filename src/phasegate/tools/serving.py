"""What our MCP servers share: a tool is a typed function, its errors say what to do, and HTTP asks for a token."""

import asyncio
import functools
import hmac
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, ParamSpec, TypeVar

from mcp.server.fastmcp import FastMCP
from mcp.server.fastmcp.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import BaseModel, ConfigDict
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from phasegate.core import InvalidInput, Missing, PhasegateError, Refused, Unknown
from phasegate.tools.cleaning import clean

TOKEN = "PHASEGATE_MCP_TOKEN"  # noqa: S105 - the name of a variable
"""What a client of a server on HTTP shows as its bearer token."""

READ = ToolAnnotations(readOnlyHint=True, destructiveHint=False, idempotentHint=True, openWorldHint=True)
WRITE = ToolAnnotations(readOnlyHint=False, destructiveHint=False, idempotentHint=False, openWorldHint=True)
KEYED_WRITE = ToolAnnotations(readOnlyHint=False, destructiveHint=False, idempotentHint=True, openWorldHint=True)
"""A write that happens once for a key, or ends in the same state however often it is asked for."""

OPTIONS: Mapping[str, Any] = {"log_level": "WARNING", "stateless_http": True, "json_response": True}
"""How our servers are built."""
_FINDINGS = 20
"""How many an error tells."""

_REASONS = {Unknown: "unknown", InvalidInput: "invalid"}
"""The reasons of errors that carry none of their own."""

_COMMAND = re.compile(r"\bphasegate ([a-z]+)")
_TOOLS = {
    "gates": "list_gates",
    "status": "get_run",
    "gate": "get_run",
    "trace": "get_trace",
    "lint": "submit_spec with dry_run",
    "check": "submit_spec with dry_run",
    "run": "start_run",
}
"""Commands, and the tools of the server `phasegate` that do the same."""

P = ParamSpec("P")
R = TypeVar("R")
Server = TypeVar("Server", bound=FastMCP)


class Result(BaseModel):
    """What a tool answers; its fields are the tool's output schema."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def new_server(name: str, instructions: str) -> FastMCP:
    """An MCP server without tools yet."""
    return versioned(FastMCP(name, instructions=instructions, **OPTIONS))


def versioned(server: Server) -> Server:
    """Return the server, which says Phasegate's version of itself and not that of the protocol's library."""
    server._mcp_server.version = version("phasegate")
    return server


def tool(server: FastMCP, annotations: ToolAnnotations) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Makes a blocking function a tool of the server: its docstring is what the model reads, its types the schema.

    The function runs in a thread. A `PhasegateError` becomes the tool's error, with what to do next.
    """

    def register(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        async def run(*args: P.args, **kwargs: P.kwargs) -> R:
            with _told():
                return await asyncio.to_thread(function, *args, **kwargs)

        server.add_tool(run, annotations=annotations)
        return function

    return register


def async_tool(
    server: FastMCP, annotations: ToolAnnotations
) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
    """Makes a coroutine function a tool of the server, as `tool` does with a blocking one."""

    def register(function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        @functools.wraps(function)
        async def run(*args: P.args, **kwargs: P.kwargs) -> R:
            with _told():
                return await function(*args, **kwargs)

        server.add_tool(run, annotations=annotations)
        return function

    return register


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except PhasegateError as error:
        raise ToolError(told(error)) from error


def told(error: PhasegateError) -> str:
    """What happened, what to do next, and the first findings of what does not hold; nothing hidden in it.

    For programs the reason stands at the end: `… (reason: conflict)`; `unknown` where nobody knows whether it was done,
    `invalid` where the arguments are refused.
    """
    findings = error.findings if isinstance(error, InvalidInput) else ()
    reason = error.reason if isinstance(error, Refused) else _REASONS.get(type(error), "")
    lines = [f"{error}; {error.fix}" if error.fix else str(error)]
    lines += [f"{finding.where}: {finding.message} → {finding.fix}" for finding in findings[:_FINDINGS]]
    lines = list(map(over_mcp, lines))
    return clean("\n".join(lines)) + (f" (reason: {reason})" if reason else "")


def over_mcp(text: str) -> str:
    """Return advice as a client of MCP can follow it: with the tool that does the same, and whose the terminal is.

    >>> over_mcp("list them: 'phasegate gates'")
    "list them: 'phasegate gates' (that is list_gates here)"
    >>> over_mcp("set a key: phasegate manager init")
    'set a key: phasegate manager init (a person does that, at a terminal)'
    """
    command = _COMMAND.search(text)
    if command is None:
        return text
    tool = _TOOLS.get(command[1])
    return f"{text} ({f'that is {tool} here' if tool else 'a person does that, at a terminal'})"


def setting(environ: Mapping[str, str], name: str, what: str) -> str:
    """A variable that the server cannot do without.

    Raises:
        Missing: it is not set.
    """
    value = environ.get(name, "").strip()
    if not value:
        raise Missing(f"{name} is not set", fix=f"set it to {what}")
    return value


def http_app(server: FastMCP, environ: Mapping[str, str]) -> ASGIApp:
    """The server as a web application at /mcp, for clients that show the token of the environment.

    Raises:
        Missing: no token is set; without one, every user of the machine could use the server's credentials.
    """
    return _Guarded(server.streamable_http_app(), setting(environ, TOKEN, "a secret that clients send as bearer token"))


class _Guarded:
    """Lets requests through that carry the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._wanted = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        shown = Headers(scope=scope).get("authorization", "") if scope["type"] == "http" else ""
        if scope["type"] == "http" and not hmac.compare_digest(shown.encode(), self._wanted):
            answer = PlainTextResponse("the bearer token is missing or wrong\n", 401, {"WWW-Authenticate": "Bearer"})
            return await answer(scope, receive, send)
        return await self._app(scope, receive, send)
