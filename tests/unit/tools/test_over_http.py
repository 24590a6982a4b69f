"""The hands with a server at an address: its token goes there, and nowhere else."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from phasegate.core import Missing
from phasegate.team.servers import ToolServer
from phasegate.tools.hands import Sessions
from phasegate.tools.serving import READ, TOKEN, Result, http_app, new_server, tool
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

    made = new_server("far", "Says things.")

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
