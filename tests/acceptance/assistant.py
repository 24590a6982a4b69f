"""An assistant at the official MCP client: it takes orders over stdio, and answers from their text alone."""

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import CallToolResult, TextContent

from acceptance.person import COMMAND, environment
from unit.authors.sample_spec import RUNBOOK, SPEC


class Refusal(Exception):
    """A tool refused the call; the text is what the assistant reads."""


@dataclass
class Assistant:
    """A client with a server process of its own, which can be killed and started again."""

    name: str
    folder: Path
    home: Path
    _session: ClientSession | None = field(default=None, init=False)
    _closing: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _task: "asyncio.Task[None] | None" = field(default=None, init=False)

    async def connect(self) -> None:
        """Start a server, as an editor does."""
        ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._closing.clear()
        self._task = asyncio.create_task(self._serve(ready))
        await asyncio.wait([ready, self._task], return_when=asyncio.FIRST_COMPLETED)
        self._session = ready.result()

    async def leave(self) -> None:
        """End the session and its server."""
        self._closing.set()
        if self._task:
            with suppress(BaseExceptionGroup):  # of a server that was killed
                await self._task

    async def kill_server(self) -> None:
        """Kill the server with SIGKILL, and connect to a new one."""
        os.kill(self.server(), signal.SIGKILL)
        await self.leave()
        await self.connect()

    def server(self) -> int:
        """Return the server's process."""
        mark = f"PHASEGATE_MCP_NAME={self.name}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    return int(process.name)
        raise AssertionError(f"{self.name} has no server")

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool.

        Raises:
            Refusal: it was refused.
        """
        assert self._session
        return content(await self._session.call_tool(tool, arguments))

    async def _serve(self, ready: "asyncio.Future[Any]") -> None:
        server = StdioServerParameters(
            command=str(COMMAND),
            args=["mcp", "phasegate"],
            env=environment(self.home, PHASEGATE_MCP_NAME=self.name),
            cwd=self.folder,
        )
        async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            ready.set_result(session)
            await self._closing.wait()


def content(result: CallToolResult) -> dict[str, Any]:
    """Return what a tool answered.

    Raises:
        Refusal: it was refused.
    """
    if result.isError:
        raise Refusal("\n".join(part.text for part in result.content if isinstance(part, TextContent)))
    assert result.structuredContent is not None
    return result.structuredContent


@asynccontextmanager
async def assistants(folder: Path, home: Path, *names: str) -> AsyncIterator[list[Assistant]]:
    """Connect assistants, each to a server of its own."""
    made = [Assistant(name=name, folder=folder, home=home) for name in names]
    try:
        for assistant in made:
            await assistant.connect()
        yield made
    finally:
        for assistant in made:
            await assistant.leave()


def perfect(order: Mapping[str, Any]) -> dict[str, Any]:
    """Return a perfect answer to an order, from its text and schema alone."""
    text = str(order["instructions"])
    if "findings" in order["schema"]["properties"]:
        return {"findings": []}
    answers = [{"to": number, "text": "It says so now."} for number in re.findall(r"^(\d+)\. .*comment", text, re.M)]
    if not text.startswith("# Product owner"):
        return {"files": [], "answers": answers}  # what the compiler wrote is right as it stands
    found = re.search(r"Write only these files: `(specs/[^/`]+)/\*`", text)
    assert found, text
    files = {f"{found[1]}/spec.md": SPEC, f"{found[1]}/runbook.yaml": RUNBOOK}
    return {"files": [{"path": path, "text": text} for path, text in files.items()], "answers": answers}


async def insists(assistant: Assistant, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool while its server is killed, and once more over a new one, as a client does that got no answer."""
    lost = asyncio.create_task(assistant.call(tool, **arguments))
    await asyncio.sleep(0.02)
    await assistant.kill_server()
    lost.cancel()  # the client's own session never ends a request of a server that is gone
    await asyncio.gather(lost, return_exceptions=True)
    return await assistant.call(tool, **arguments)


def compact(found: Any) -> str:
    """Return JSON on one line, for messages of assertions."""
    return json.dumps(found, separators=(",", ":"))
