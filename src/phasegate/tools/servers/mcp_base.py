"""Base of our MCP servers: typed functions as tools, typed errors, and a token for HTTP."""

import asyncio
import functools
import hmac
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any, TypeVar

from mcp.server.fastmcp import FastMCP
from mcp.server.fastmcp.exceptions import ToolError
from mcp.types import CallToolResult, ContentBlock, ToolAnnotations
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from phasegate.core import InvalidInput, Missing, PhasegateError
from phasegate.tools.errors import ErrorReport, error_result

TOKEN = "PHASEGATE_MCP_TOKEN"  # noqa: S105 - the name of a variable
"""The variable with the bearer token that clients of a server on HTTP send."""

READ = ToolAnnotations(readOnlyHint=True, destructiveHint=False, idempotentHint=True, openWorldHint=True)
WRITE = ToolAnnotations(readOnlyHint=False, destructiveHint=False, idempotentHint=False, openWorldHint=True)
KEYED_WRITE = ToolAnnotations(readOnlyHint=False, destructiveHint=False, idempotentHint=True, openWorldHint=True)
"""A write that happens once for a key, or ends in the same state however often it is asked for."""

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

F = TypeVar("F", bound=Callable[..., Any])


class Result(BaseModel):
    """Result of a tool, whose fields are the tool's output schema."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class McpServer(FastMCP):
    """A server that reports Phasegate's version, and errors with their type."""

    def __init__(self, name: str, instructions: str) -> None:
        super().__init__(name, instructions=instructions, log_level="WARNING", stateless_http=True, json_response=True)
        self._mcp_server.version = version("phasegate")  # the library reports its own otherwise

    async def call_tool(  # type: ignore[override] # the protocol's layer below takes whole results too
        self, name: str, arguments: dict[str, Any]
    ) -> Sequence[ContentBlock] | dict[str, Any] | CallToolResult:
        """Call a tool, and report its error as a result."""
        try:
            return await super().call_tool(name, arguments)
        except ToolError as error:
            return error_result(report_of(_cause(name, error)))


def tool(server: FastMCP, annotations: ToolAnnotations) -> Callable[[F], F]:
    """Make a function a tool of the server: a model reads its docstring, and its types are the schema.

    A blocking function runs in a thread.
    """

    def register(function: F) -> F:
        @functools.wraps(function)
        # Clients of services block, and the server answers pings and other calls meanwhile.
        async def in_thread(*args: Any, **kwargs: Any) -> Any:
            return await asyncio.to_thread(function, *args, **kwargs)

        server.add_tool(function if inspect.iscoroutinefunction(function) else in_thread, annotations=annotations)
        return function

    return register


def _cause(name: str, error: ToolError) -> PhasegateError:
    """Return the error that the library wrapped."""
    cause = error.__cause__
    if isinstance(cause, PhasegateError):
        return cause
    if isinstance(cause, ValidationError) and cause.title == f"{name}Arguments":
        # Without the values that pydantic's own message repeats: they may be secret.
        wrong = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in cause.errors(include_url=False)]
        return InvalidInput(f"the arguments do not fit: {'; '.join(wrong[:5])}", fix="call it as its schema says")
    return PhasegateError(str(error))


def report_of(error: PhasegateError) -> ErrorReport:
    """Describe an error for a client of MCP, whose advice names tools instead of commands."""
    report = ErrorReport.of(error)
    findings = tuple(replace(each, fix=over_mcp(each.fix)) for each in report.findings)
    advice = {"message": over_mcp(report.message), "fix": over_mcp(report.fix), "findings": findings}
    return report.model_copy(update=advice)


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
