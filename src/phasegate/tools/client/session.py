"""A session with a server, held open in a task of its own."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import (
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    CancelledNotification,
    CancelledNotificationParams,
    ClientNotification,
    ClientRequest,
    PaginatedRequestParams,
    ServerNotification,
    Tool,
    ToolListChangedNotification,
)

from phasegate.team.launch import program_of, safe_path
from phasegate.team.servers import OURS, ToolServer
from phasegate.tools.client.hints import Hint, hint
from phasegate.tools.client.remote import RemoteClient
from phasegate.tools.client.stdio import Transcript, neutral_folder, program

MOST_TOOLS, MOST_PAGES = 1_000, 100
"""What a server's list of tools may have."""
LONGEST_SECONDS = 600.0
"""No call takes longer (`team.servers.Rule.seconds`)."""
PING_SECONDS = 1.0
"""How long a server may take to show that it still listens, after an answer of its did not come."""
_END_SECONDS = 6.0


class Conversation(ClientSession):
    """A session in which one request can be given up, and the server is told which."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._notices: set[asyncio.Task[None]] = set()

    async def ask(self, params: CallToolRequestParams, *, gives_up: bool) -> CallToolResult:
        """Call a tool, and send `notifications/cancelled` for this request alone where the caller gives up.

        The session's own `call_tool` is not used: it judges the answer by the server's schema, whose patterns a server
        can write so that judging never ends.

        Args:
            params: the tool and its arguments.
            gives_up: whether to say so; a write is left to finish, half of it helps nobody.
        """
        number = self._request_id  # the one that send_request takes: nothing runs in between
        try:
            return await self.send_request(ClientRequest(CallToolRequest(params=params)), CallToolResult)
        except asyncio.CancelledError:
            if gives_up:
                notice = asyncio.create_task(self._give_up(number))
                self._notices.add(notice)
                notice.add_done_callback(self._notices.discard)
            raise

    async def _give_up(self, number: int) -> None:
        # The library has no way to give up one request: cancelling the task would leave the server at work on it.
        params = CancelledNotificationParams(requestId=number, reason="no longer waited for")
        with suppress(Exception):  # the server is gone, and nothing of the request with it
            await self.send_notification(ClientNotification(CancelledNotification(params=params)))


class McpSession:
    """A session in a task of its own, for it must be ended by who began it."""

    def __init__(self, server: ToolServer, environ: Mapping[str, str], log: Path | None, seconds: float) -> None:
        """Prepares it.

        Args:
            server: with whom.
            environ: where the server's variables come from.
            log: where its standard error goes.
            seconds: how long it may take until it answers for the first time, and to list its tools.
        """
        self._server, self._environ, self._log, self._seconds = server, environ, log, seconds
        self._ready: asyncio.Future[Conversation] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()
        self._tools: dict[str, Tool] | None = None
        self._under_way = 0
        self._transcript = Transcript(is_ours=lambda: self._under_way <= 1)
        self._remote: RemoteClient | None = None

    def hint(self, error: BaseException) -> Hint:
        """Return why the server does not start or answer, and what to do next."""
        said, stray = self._transcript.said.decode(errors="replace"), self._transcript.stray
        return hint(self._server, root(error), said, stray, self._log)

    @property
    def is_idle(self) -> bool:
        """Return whether no call is under way."""
        return not self._under_way

    @property
    def is_over(self) -> bool:
        """Return whether it has ended, by whomever."""
        return self._over.is_set()

    async def begin(self) -> None:
        """Begin the session and list its tools, or end it and raise the error."""
        self._task = asyncio.create_task(self._hold())
        try:
            await asyncio.wait_for(asyncio.shield(self._ready), self._seconds)
            await self.tools()
        except BaseException:
            await self.end()
            raise

    async def tools(self) -> dict[str, Tool]:
        """Return the tools by name, listed again where the server said that they changed."""
        if self._tools is None:
            found: dict[str, Tool] = await asyncio.wait_for(self._within(_listed(await self._ready)), self._seconds)
            self._tools = found
        return self._tools

    async def call(self, tool: str, arguments: Mapping[str, Any], seconds: float, *, reads: bool) -> CallToolResult:
        """Call a tool, and cancel a read that takes too long without ending the session.

        Raises:
            McpError: the server refused.
            TimeoutError: no whole answer came in time, also where one trickles in without end.
            OSError: the session ended.
            ValueError: what came is no result.
        """
        session = await self._ready
        params = CallToolRequestParams(name=tool, arguments=dict(arguments))
        # A line that is longer than allowed ends the program, but not while other calls wait for it.
        self._under_way += 1
        try:
            async with asyncio.timeout(seconds):
                answer: CallToolResult = await self._within(session.ask(params, gives_up=reads))
                return answer
        finally:
            self._under_way -= 1

    async def listens(self) -> bool:
        """Return whether the server answers a ping."""
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self._within((await self._ready).send_ping())
        except McpError:  # it does not know the method, and answers
            return True
        except Exception:
            return False
        return True

    async def _within(self, wanted: Any) -> Any:
        """Await `wanted`, and raise ConnectionError if the session ends first."""
        asked, over = asyncio.ensure_future(wanted), asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait({asked, over}, return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                raise ConnectionError("the server ended")
            return asked.result()
        # Over HTTP, an error of the protocol may stand for a failure of ours, which the client keeps.
        except McpError as error:
            raise self._remote.failure(error) if self._remote else error from None
        finally:
            for task in (asked, over):
                task.cancel()
            await asyncio.gather(asked, over, return_exceptions=True)

    async def end(self) -> None:
        """Ends it, and the program that was started for it, whatever that does."""
        self._over.set()
        if not self._ready.done():
            self._task.cancel()  # one that has begun sees that it is over, and waits for its program to end
        _, late = await asyncio.wait([self._task], timeout=_END_SECONDS)
        if late:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=_END_SECONDS)

    async def _hold(self) -> None:
        try:
            # Neither sampling nor elicitation nor roots are offered: a server cannot ask us for anything.
            async with (
                self._streams() as (read, write),
                Conversation(read, write, message_handler=self._hear) as session,
            ):
                await session.initialize()
                self._ready.set_result(session)
                await self._over.wait()
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(self._cause(error))
                self._ready.exception()  # seen, also where nobody waits any more
            if isinstance(error, asyncio.CancelledError) and not self._over.is_set():
                raise
        finally:
            self._over.set()
            if not self._ready.done():  # its program ended before it said anything
                self._ready.set_exception(ConnectionError("the server ended"))
                self._ready.exception()

    def _cause(self, error: BaseException) -> BaseException:
        found = root(error)
        return self._remote.failure(found) if self._remote and isinstance(found, Exception) else found

    async def _hear(self, message: Any) -> None:
        if isinstance(message, ServerNotification) and isinstance(message.root, ToolListChangedNotification):
            self._tools = None  # what was granted is held against what it says now

    @asynccontextmanager
    async def _streams(self) -> AsyncIterator[tuple[Any, Any]]:
        if not self._server.url:
            async with program(self._words(), self._given(), self._log, self._folder(), self._transcript) as streams:
                yield streams
            return
        async with AsyncExitStack() as stack:
            self._remote = await stack.enter_async_context(self._client())
            opened = await stack.enter_async_context(streamable_http_client(self._server.url, http_client=self._remote))
            yield opened[:2]

    def _given(self) -> dict[str, str]:
        held = {name: value or self._environ.get(name) for name, value in self._server.env.items()}
        return {"PATH": safe_path(self._environ), **{name: value for name, value in held.items() if value is not None}}

    def _folder(self) -> Path:
        """Return where the program starts: outside of the repository, whose files would be found before others."""
        server = self._server
        return server.top / server.cwd if server.top and server.cwd else neutral_folder(self._environ)

    def _client(self) -> RemoteClient:
        server = self._server
        token = {"Authorization": f"Bearer {self._environ[server.token]}"} if server.token else {}
        more = {name: self._environ[variable] for name, variable in server.headers.items()}
        return RemoteClient({**token, **more}, httpx.Timeout(self._seconds, read=LONGEST_SECONDS))

    def _words(self) -> list[str]:
        server = self._server
        if server.command[:2] == OURS:  # -P: nothing is imported from the folder that it starts in
            return [sys.executable, "-P", "-m", "phasegate.cli", *server.command[1:]]
        return [program_of(server, server.top, self._environ), *server.command[1:]]


async def _listed(session: ClientSession) -> dict[str, Tool]:
    found: dict[str, Tool] = {}
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor))
        found |= {tool.name: tool for tool in page.tools}
        cursor = page.nextCursor
        if not cursor:
            return found
        if len(found) > MOST_TOOLS:
            break
    raise ValueError(f"its list of tools has no end within {MOST_PAGES} pages and {MOST_TOOLS:,} tools")


def root(error: BaseException) -> BaseException:
    """Return the error inside the groups that task groups put it in."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, Exception) else RuntimeError(type(error).__name__)
