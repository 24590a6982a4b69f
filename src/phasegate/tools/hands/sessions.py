"""Sessions with MCP servers: begun at the first call, kept, and begun anew where a server died."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from mcp import ClientSession, McpError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CONNECTION_CLOSED, CallToolResult, TextContent, Tool
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_chain, wait_fixed

from phasegate.core import Missing, PhasegateError, Unknown
from phasegate.team.servers import ToolServer

START_SECONDS = 60.0
"""How long a server may take until it answers for the first time; installers of packages are slow."""
WAITS = (0.5, 2.0, 8.0)
"""Seconds before each further attempt to begin a session, or to read."""
_MOST_TOOLS = 1_000
_NO_ANSWER = (CONNECTION_CLOSED, httpx.codes.REQUEST_TIMEOUT)
"""Codes with which our own side says that none came."""


class Sessions:
    """One session with each server that is used; for one event loop."""

    def __init__(self, environ: Mapping[str, str], log: Path | None = None, waits: Sequence[float] = WAITS) -> None:
        """Prepares it; nothing is started.

        Args:
            environ: where the variables of the servers come from.
            log: what servers write to their standard error is added to this file; None throws it away.
            waits: seconds before each further attempt.
        """
        self._environ = environ
        self._log = log
        self._waits = waits
        self._lines: dict[str, _Line] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def tools(self, server: ToolServer) -> dict[str, Tool]:
        """The tools that the server has now, by name.

        Raises:
            Missing: it lacks a variable, or cannot be started or reached.
        """
        return (await self._line(server)).tools

    async def call(
        self, server: ToolServer, tool: str, arguments: Mapping[str, Any], *, seconds: float, reads: bool
    ) -> CallToolResult:
        """Calls a tool; a call that only reads is made again where the server went away under it.

        Raises:
            Missing: the server cannot be started or reached; nothing was called.
            Unknown: the answer of a call that writes was lost.
            PhasegateError: no attempt to read was answered.
        """
        if reads:
            return await self._again(_Gone)(self._once, server, tool, arguments, seconds)
        try:
            return await self._once(server, tool, arguments, seconds)
        except _Lost as lost:
            fix = f"look whether it happened, with a tool of {server.name} that reads, before you call it again"
            raise Unknown(f"{lost}; it may or may not have happened", fix=fix) from lost

    async def _once(
        self, server: ToolServer, tool: str, arguments: Mapping[str, Any], seconds: float
    ) -> CallToolResult:
        line = await self._line(server)
        try:
            return await line.call(tool, arguments, seconds)
        except McpError as error:
            if error.error.code not in _NO_ANSWER:  # the server said no, in the protocol's words
                return CallToolResult(content=[TextContent(type="text", text=error.error.message)], isError=True)
            await line.end()
            kind = _Gone if error.error.code == CONNECTION_CLOSED else _Lost
            raise _lost(kind, server, tool, error) from error
        except (httpx.HTTPError, OSError) as error:
            await line.end()
            raise _lost(_Lost if isinstance(error, TimeoutError) else _Gone, server, tool, error) from error
        except RuntimeError as error:  # an answer that does not keep to the tool's own schema
            raise _lost(_Lost, server, tool, error) from error

    async def close(self) -> None:
        """Ends all sessions, and the servers that were started for them."""
        for line in self._lines.values():
            await line.end()
        self._lines.clear()

    async def _line(self, server: ToolServer) -> "_Line":
        async with self._turns.setdefault(server.name, asyncio.Lock()):
            held = self._lines.get(server.name)
            if held is None or held.is_over:
                self._lines[server.name] = held = await self._begun(server)
            return held

    async def _begun(self, server: ToolServer) -> "_Line":
        missing = server.missing(self._environ)
        if missing:
            raise Missing(f"server '{server.name}' is not configured: {missing[0]} is not set", fix=f"set {missing[0]}")
        return await self._again(_Unready)(self._start, server)

    async def _start(self, server: ToolServer) -> "_Line":
        line = _Line(server, self._environ, self._log)
        await line.begin()
        return line

    def _again(self, error: type[Exception]) -> AsyncRetrying:
        return AsyncRetrying(
            stop=stop_after_attempt(len(self._waits) + 1),
            wait=wait_chain(*map(wait_fixed, (*self._waits, 0))),
            retry=retry_if_exception_type(error),
            reraise=True,
        )


class _Lost(PhasegateError):
    """No answer came that can be used; asking again would take as long, or give the same."""


class _Gone(_Lost):
    """The server went away; another may answer."""


def _lost(kind: type[_Lost], server: ToolServer, tool: str, error: Exception) -> _Lost:
    fix = f"see what the server says: phasegate tools list {server.name}"
    return kind(f"{server.name}.{tool} was not answered: {_words(error)}", fix=fix)


class _Unready(Missing):
    """A server that did not start, and may yet."""


class _Line:
    """A session in a task of its own, for it must be ended by who began it."""

    def __init__(self, server: ToolServer, environ: Mapping[str, str], log: Path | None) -> None:
        self._server, self._environ, self._log = server, environ, log
        self._ready: asyncio.Future[ClientSession] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()
        self.tools: dict[str, Tool] = {}

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    async def begin(self) -> None:
        self._task = asyncio.create_task(self._hold())
        try:
            session = await asyncio.wait_for(asyncio.shield(self._ready), START_SECONDS)
            self.tools = await asyncio.wait_for(_listed(session), START_SECONDS)
        except Exception as error:
            await self.end()
            why = f"server '{self._server.name}' does not start: {_words(error)}"
            raise _Unready(why, fix=f"see what it says: phasegate tools list {self._server.name}") from error

    async def call(self, tool: str, arguments: Mapping[str, Any], seconds: float) -> CallToolResult:
        """Raises where no whole answer comes in time, also where one trickles in without end."""
        session = await self._ready
        limit = timedelta(seconds=seconds)
        async with asyncio.timeout(seconds + 1):
            return await session.call_tool(tool, dict(arguments), read_timeout_seconds=limit)

    async def end(self) -> None:
        self._over.set()
        if not self._ready.done():
            self._task.cancel()  # one that has begun sees that it is over, and waits for its program to end
        await asyncio.wait([self._task])

    async def _hold(self) -> None:
        try:
            # Neither sampling nor elicitation nor roots are offered: a server cannot ask us for anything.
            async with self._streams() as (read, write), ClientSession(read, write) as session:
                await session.initialize()
                self._ready.set_result(session)
                await self._over.wait()
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(_root(error))
                self._ready.exception()  # seen, also where nobody waits any more
            if isinstance(error, asyncio.CancelledError) and not self._over.is_set():
                raise
        finally:
            self._over.set()

    @asynccontextmanager
    async def _streams(self) -> AsyncIterator[tuple[Any, Any]]:
        async with AsyncExitStack() as stack:
            if self._server.url:
                headers = {"Authorization": f"Bearer {self._environ[self._server.token]}"} if self._server.token else {}
                # No redirect is followed: the token is for this address alone.
                client = httpx.AsyncClient(headers=headers, follow_redirects=False, timeout=START_SECONDS)
                http = await stack.enter_async_context(client)
                opened = await stack.enter_async_context(streamable_http_client(self._server.url, http_client=http))
                yield opened[:2]
                return
            errors = stack.enter_context((self._log or Path("/dev/null")).open("a"))
            yield await stack.enter_async_context(stdio_client(self._program(), errlog=errors))

    def _program(self) -> StdioServerParameters:
        given = {name: self._environ[name] for name in self._server.env if name in self._environ}
        program, *words = self._server.command
        if self._server.ours:
            program, words = sys.executable, ["-m", "phasegate.cli", *self._server.command[1:]]
        return StdioServerParameters(command=program, args=words, env=given)


async def _listed(session: ClientSession) -> dict[str, Tool]:
    found: dict[str, Tool] = {}
    cursor = None
    while True:
        page = await session.list_tools(cursor)
        found |= {tool.name: tool for tool in page.tools}
        cursor = page.nextCursor
        if not cursor or len(found) > _MOST_TOOLS:
            return found


def _root(error: BaseException) -> BaseException:
    """What was raised, out of the groups that task groups put it in."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, Exception) else RuntimeError(type(error).__name__)


def _words(error: BaseException) -> str:
    return str(_root(error)) or type(error).__name__
