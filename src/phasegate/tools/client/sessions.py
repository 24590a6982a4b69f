"""Sessions with MCP servers: begun at the first call, kept, and begun anew where a server died."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import httpx
from mcp import McpError
from mcp.types import CONNECTION_CLOSED, CallToolResult, TextContent, Tool
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_chain, wait_fixed

from phasegate.core import Missing, PhasegateError, Refused, Unknown
from phasegate.team.servers import ToolServer
from phasegate.tools.client.schema_check import misshapen
from phasegate.tools.client.session import McpSession

START_SECONDS = 60.0
"""How long a server may take until it answers for the first time; installers of packages are slow."""
WAITS = (0.5, 2.0, 8.0)
"""Seconds before each further attempt to begin a session, or to read."""
_GONE = ((CONNECTION_CLOSED, "Connection closed"), (32600, "Session terminated"))
"""What our own side says where the server is gone, or forgot our session; servers use these codes, too."""


Trusts = Callable[[ToolServer], Awaitable[None]]
"""Raises where a server must not be started or contacted."""


class Sessions:
    """Sessions with servers, one each, for one event loop."""

    def __init__(
        self,
        environ: Mapping[str, str],
        log: Path | None = None,
        waits: Sequence[float] = WAITS,
        start_seconds: float = START_SECONDS,
        trusts: Trusts | None = None,
    ) -> None:
        """Prepare the sessions without starting a server.

        Args:
            environ: where the variables of the servers come from.
            log: what servers write to their standard error is added to this file; None throws it away.
            waits: seconds before each further attempt.
            start_seconds: how long a server may take until it answers for the first time.
            trusts: asked before a server of a repository's own is started or contacted; None: none is.
        """
        self._environ = environ
        self._log = log
        self._waits = waits
        self._start_seconds = start_seconds
        self._trusts = trusts
        self._lines: dict[str, McpSession] = {}
        self._retired: list[McpSession] = []
        """Sessions that no further call uses, with calls still under way."""
        self._turns: dict[str, asyncio.Lock] = {}

    async def tools(self, server: ToolServer) -> dict[str, Tool]:
        """The tools that the server has now, by name.

        Raises:
            Missing: it lacks a variable, or cannot be started or reached.
        """
        line = await self._line(server)
        try:
            return await line.tools()
        except Exception as error:
            await self._retire(server, line)
            raise _unready(server, line, error) from error

    async def call(
        self, server: ToolServer, tool: str, arguments: Mapping[str, Any], *, seconds: float, reads: bool
    ) -> CallToolResult:
        """Call a tool, and repeat a read where the server went away under it.

        Raises:
            Missing: the server cannot be started or reached; nothing was called.
            Unknown: the answer of a call that writes was lost.
            PhasegateError: no attempt to read was answered.
        """
        if reads:
            return await self._again(_Gone)(self._once, server, tool, arguments, seconds, reads=True)
        try:
            return await self._once(server, tool, arguments, seconds, reads=False)
        except _Lost as lost:
            fix = f"look whether it happened, with a tool of {server.name} that reads, before you call it again"
            raise Unknown(f"{lost}; it may or may not have happened", fix=fix) from lost

    async def _once(
        self, server: ToolServer, tool: str, arguments: Mapping[str, Any], seconds: float, *, reads: bool
    ) -> CallToolResult:
        shown = (await self.tools(server)).get(tool)
        line = await self._line(server)
        try:
            result = await line.call(tool, arguments, seconds, reads=reads)
        except McpError as error:
            if (error.error.code, error.error.message) not in _GONE:  # the server said no, in its own words
                return CallToolResult(content=[TextContent(type="text", text=error.error.message)], isError=True)
            await self._retire(server, line)
            raise _lost(_Gone, server, tool, line, error) from error
        except TimeoutError as error:
            # A call that takes too long need not mean a dead server: other calls of the session may be under way.
            if not await line.listens():
                await self._retire(server, line)
            raise _lost(_Lost, server, tool, line, TimeoutError(f"no answer within {seconds:g} s")) from error
        except httpx.HTTPStatusError as error:
            if error.response.is_client_error:  # it was refused, and nothing was done
                why, fix = line.hint(error)
                raise PhasegateError(f"{server.name}.{tool} was not answered: {why}", fix=fix) from error
            # A failure of the server's own machine, such as a gateway without a server behind it: another attempt may
            # find one.
            raise _lost(_Gone, server, tool, line, error) from error
        except (httpx.HTTPError, OSError, anyio.ClosedResourceError, anyio.BrokenResourceError) as error:
            await self._retire(server, line)
            raise _lost(_Gone, server, tool, line, error) from error
        except ValueError as error:  # it is no result
            raise _lost(_Lost, server, tool, line, error) from error
        finally:
            await self._end_retired()
        fault = _fault(shown, result)
        if fault:
            raise _lost(_Lost, server, tool, line, ValueError(f"it does not keep to its own schema: {fault}"))
        return result

    async def _retire(self, server: ToolServer, line: McpSession) -> None:
        """Have later calls use another session, while calls under way in this one end there."""
        # Another call may have put a new session in its place already.
        if self._lines.get(server.name) is line:
            del self._lines[server.name]
        self._retired.append(line)
        await self._end_retired()

    async def _end_retired(self) -> None:
        # Only idle ones: closing a session ends the calls of others that are still under way in it.
        over = [line for line in self._retired if line.is_idle or line.is_over]
        self._retired = [line for line in self._retired if line not in over]
        for line in over:
            await line.end()

    async def close(self) -> None:
        """Ends all sessions, and the servers that were started for them."""
        lines = [*self._lines.values(), *self._retired]
        self._lines.clear()
        self._retired.clear()
        for line in lines:
            await line.end()

    async def _line(self, server: ToolServer) -> McpSession:
        # Roles work side by side, and a program would be started once for each of them.
        async with self._turns.setdefault(server.name, asyncio.Lock()):
            held = self._lines.get(server.name)
            if held is None or held.is_over:
                self._lines[server.name] = held = await self._begun(server)
            return held

    async def _begun(self, server: ToolServer) -> McpSession:
        missing = server.missing(self._environ)
        if missing:
            raise Missing(f"server '{server.name}' is not configured: {missing[0]} is not set", fix=f"set {missing[0]}")
        if server.definition:
            await self._is_trusted(server)
        return await self._again(_Unready)(self._start, server)

    async def _is_trusted(self, server: ToolServer) -> None:
        if self._trusts is None:
            raise Refused(f"'{server.name}' waits for a manager: it {server.runs}", reason="server_not_granted")
        await self._trusts(server)

    async def _start(self, server: ToolServer) -> McpSession:
        line = McpSession(server, self._environ, self._log, self._start_seconds)
        try:
            await line.begin()
        except TimeoutError as error:  # another attempt would take as long
            late = TimeoutError(f"no answer within {self._start_seconds:g} s")
            why, fix = line.hint(late)
            raise Missing(f"server '{server.name}' does not answer: {why}", fix=fix) from error
        except Exception as error:
            raise _unready(server, line, error) from error
        return line

    def _again(self, error: type[Exception]) -> AsyncRetrying:
        return AsyncRetrying(
            stop=stop_after_attempt(len(self._waits) + 1),
            wait=wait_chain(*map(wait_fixed, (*self._waits, 0))),
            retry=retry_if_exception_type(error),
            reraise=True,
        )


class _Lost(PhasegateError):
    """No usable answer, where asking again would not help."""


class _Gone(_Lost):
    """The server went away, and another one may answer."""


def _lost(kind: type[_Lost], server: ToolServer, tool: str, line: McpSession, error: Exception) -> _Lost:
    why, fix = line.hint(error)
    return kind(f"{server.name}.{tool} was not answered: {why}", fix=fix)


def _fault(shown: Tool | None, result: CallToolResult) -> str:
    """Return how a successful result breaks the tool's schema, or an empty string."""
    if shown is None or shown.outputSchema is None or result.isError:
        return ""
    if result.structuredContent is None:
        return "it has no structured content"
    return misshapen(shown.outputSchema, result.structuredContent)


def _unready(server: ToolServer, line: McpSession, error: Exception) -> "_Unready":
    why, fix = line.hint(error)
    return _Unready(f"server '{server.name}' does not start: {why}", fix=fix)


class _Unready(Missing):
    """A server that did not start, and may yet."""
