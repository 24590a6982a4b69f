"""The hands with a server at an address: its token goes there, and nowhere else."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from phasegate.core import Missing, PhasegateError, Unknown
from phasegate.team import ToolServer
from phasegate.tools.client import Sessions
from phasegate.tools.servers.mcp_base import READ, TOKEN, McpServer, Result, http_app, tool
from services import serve
from services.faults import Faults


class Said(Result):
    """What was said."""

    text: str


class Elsewhere:
    """Sends everybody on, or notes who came with which token."""

    def __init__(self, onward: str = "") -> None:
        self.app, self.faults = FastAPI(), Faults()
        self.shown: list[str] = []

        @self.app.api_route("/{path:path}", methods=["GET", "POST", "DELETE"])
        def any_(request: Request, path: str) -> Response:
            self.shown.append(request.headers.get("authorization", ""))
            return RedirectResponse(f"{onward}/{path}", 307) if onward else PlainTextResponse("no", 404)


def described(address: str) -> ToolServer:
    return ToolServer.model_validate(
        {"name": "far", "url": f"{address}/mcp", "token": "FAR_TOKEN", "roles": [], "tools": {"*": "read"}}
    )


@contextmanager
def listening(token: str) -> Iterator[str]:
    """A server of ours on HTTP that wants this token."""
    import threading
    import time

    import uvicorn

    made = McpServer("far", "Says things.")

    @tool(made, READ)
    def say(text: str) -> Said:
        """Says it."""
        return Said(text=text)

    config = uvicorn.Config(http_app(made, {TOKEN: token}), port=0, log_level="critical", lifespan="on")
    web = uvicorn.Server(config)
    thread = threading.Thread(target=web.run, daemon=True)
    thread.start()
    while not web.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{web.servers[0].sockets[0].getsockname()[1]}"
    finally:
        web.should_exit = True
        thread.join()


async def test_a_server_at_an_address_is_called_with_its_token() -> None:
    with listening("s3cret") as address:
        sessions = Sessions({"FAR_TOKEN": "s3cret"}, waits=())
        answer = await sessions.call(described(address), "say", {"text": "hello"}, seconds=10, reads=True)
        await sessions.close()
    assert answer.structuredContent == {"text": "hello"}


@pytest.mark.parametrize("token", ["other", ""])
async def test_without_its_token_there_is_no_session(token: str) -> None:
    with listening("s3cret") as address:
        sessions = Sessions({"FAR_TOKEN": token}, waits=())
        with pytest.raises(Missing):
            await sessions.tools(described(address))
        await sessions.close()


async def test_a_redirect_gets_no_token() -> None:
    thief = Elsewhere()
    with serve(thief) as there, serve(Elsewhere(there)) as address:
        sessions = Sessions({"FAR_TOKEN": "s3cret"}, waits=())
        with pytest.raises(Missing, match="does not start"):
            await sessions.tools(described(address))
        await sessions.close()
    assert thief.shown == []


class Fragile:
    """A server one of whose tools answers slowly, and the others not as they should."""

    def __init__(self) -> None:
        self.app, self.faults = FastAPI(), Faults()
        self.sessions = 0

        @self.app.post("/mcp")
        async def message(request: Request) -> Response:
            said = await request.json()
            result = await self._result(said["method"], said.get("params") or {})
            if isinstance(result, Response):
                return result
            body = {"jsonrpc": "2.0", "id": said.get("id"), "result": result}
            return JSONResponse(body, headers={"mcp-session-id": str(self.sessions)})

    async def _result(self, method: str, params: dict[str, Any]) -> Any:
        if method == "initialize":
            self.sessions += 1
            about = {"name": "fragile", "version": "1"}
            return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": about}
        if method == "tools/list":
            names = ("slow", "fails", "forgets", "page", "refuses")
            return {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in names]}
        return await self._called(params["name"]) if method == "tools/call" else Response(status_code=202)

    async def _called(self, tool: str) -> Any:
        if tool == "slow":
            await asyncio.sleep(1)
            return {"content": [{"type": "text", "text": "written"}]}
        statuses = {"fails": 500, "forgets": 404, "page": 200, "refuses": 403}
        return PlainTextResponse("no", statuses[tool])


@pytest.mark.parametrize(
    ("tool", "reads", "kind"),
    [
        ("fails", True, PhasegateError),
        ("forgets", True, PhasegateError),
        ("page", True, PhasegateError),
        ("fails", False, Unknown),
        ("refuses", False, PhasegateError),
    ],
)
async def test_a_request_that_fails_cuts_nobody_else_off(tool: str, reads: bool, kind: type[Exception]) -> None:
    with serve(Fragile()) as address:
        sessions = Sessions({"FAR_TOKEN": "x"}, waits=())
        write = asyncio.create_task(sessions.call(described(address), "slow", {}, seconds=5, reads=False))
        await asyncio.sleep(0.3)
        with pytest.raises(kind) as failed:
            await sessions.call(described(address), tool, {}, seconds=5, reads=reads)
        assert isinstance(failed.value, Unknown) is (kind is Unknown)
        answer = await write
        await sessions.close()
    assert answer.content[0].text == "written"  # type: ignore[union-attr]
