"""The server without manners, at an address."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from services.faults import Faults
from services.rough import Rough

SESSION = "mcp-session-id"


class RoughWeb:
    """Answers as `Rough` does, each line an event of a stream; sends calls elsewhere where it is told to."""

    def __init__(self, state: Path, ways: list[str], elsewhere: str = "") -> None:
        self.app, self.faults = FastAPI(), Faults()
        self.rough, self.elsewhere = Rough(state, ways), elsewhere
        self.shown: list[str] = []
        """The Authorization of each request."""
        self.session = "first"
        self.app.post("/mcp")(self._post)
        self.app.api_route("/mcp", methods=["GET", "DELETE"])(self._other)

    async def _other(self, request: Request) -> Response:
        self.shown.append(request.headers.get("authorization", ""))
        return Response(status_code=405)

    async def _post(self, request: Request) -> Response:
        self.shown.append(request.headers.get("authorization", ""))
        message: dict[str, Any] = await request.json()
        method = message.get("method")
        if method != "initialize" and request.headers.get(SESSION) != self.session:
            return JSONResponse({}, 404)
        if "id" not in message:
            return Response(status_code=202)
        if method == "tools/call" and self.elsewhere:
            return RedirectResponse(self.elsewhere, 307)
        if method == "tools/call" and "packed" in self.rough.ways:
            return Response(b"\x1f\x8b", media_type="application/json", headers={"content-encoding": "gzip"})
        media = "application/json" if "json" in self.rough.ways else "text/event-stream"
        return StreamingResponse(self._said(message), media_type=media, headers={SESSION: self.session})

    async def _said(self, message: dict[str, Any]) -> AsyncIterator[bytes]:
        begun = "json" in self.rough.ways
        async for said in iterate_in_threadpool(self.rough.said(message)):
            yield said if begun else b"event: message\ndata: " + said
            begun = begun or not said.endswith(b"\n")
            if not begun:
                yield b"\n"
