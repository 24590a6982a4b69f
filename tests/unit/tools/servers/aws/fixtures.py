"""A loopback AWS whose answers a test can spoil, and the protocol's own client in front of our server."""

import http.client
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from mcp import ClientSession
from mcp.server.fastmcp import FastMCP
from mcp.shared.memory import create_connected_server_and_client_session

KEY, SECRET = "AKIAPHASEGATETESTS01", "a-very-secret-access-key"
OWN = "123456789012"


@dataclass(frozen=True, kw_only=True)
class Spoilt:
    """What a client gets instead of the answer, or what is done to the answer."""

    status: int = 0
    """The answer's own status is left where it is 0."""
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    """The second half of the body never comes, though its length was announced."""
    halved: bool = False
    """The second half of the body never comes, and its length says so."""


class Between(ThreadingHTTPServer):
    """Passes requests on to AWS, remembers what was asked, and spoils the answers that a test names."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.upstream = upstream.removeprefix("http://")
        self.forget()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def forget(self) -> None:
        self.asked: list[str] = []
        self.sent: list[Mapping[str, list[str]]] = []
        self.bodies: list[bytes] = []
        self.agents: list[str] = []
        self.spoilt: dict[str, list[Spoilt]] = defaultdict(list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Passing(BaseHTTPRequestHandler):
    server: Between

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        form = parse_qs(body.decode("utf-8", "replace"))
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2] or form.get("Action", [self.path])[0]
        self.server.asked.append(operation)
        self.server.sent.append(form)
        self.server.bodies.append(body)
        self.server.agents.append(self.headers["User-Agent"])
        waiting = self.server.spoilt[operation]
        self._answer(waiting.pop(0) if waiting else Spoilt(), body)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, spoilt: Spoilt, body: bytes) -> None:
        status, headers, answer = 200, {"Content-Type": "text/xml"}, spoilt.body
        if answer is None:
            status, headers, answer = self._passed_on(body)
        if spoilt.halved:
            answer = answer[: len(answer) // 2]
        self.send_response(spoilt.status or status)
        for name, value in {**headers, **spoilt.headers, "Content-Length": str(len(answer))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer[: len(answer) // 2] if spoilt.cut else answer)

    def _passed_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        upstream = http.client.HTTPConnection(self.server.upstream)
        upstream.request(self.command, self.path, body, dict(self.headers))
        answer = upstream.getresponse()
        kept = {name: value for name, value in answer.getheaders() if name.lower() in ("content-type", "date")}
        said = answer.status, kept, answer.read()
        upstream.close()
        return said


@asynccontextmanager
async def connected(server: FastMCP) -> AsyncIterator[ClientSession]:
    async with create_connected_server_and_client_session(server._mcp_server) as client:
        yield client


async def said(server: FastMCP, tool: str, **arguments: Any) -> Any:
    """What a tool answers."""
    async with connected(server) as client:
        answer = await client.call_tool(tool, arguments)
    assert not answer.isError, text(answer)
    return answer.structuredContent


async def refusal(server: FastMCP, tool: str, **arguments: Any) -> str:
    """What a tool that fails says."""
    async with connected(server) as client:
        answer = await client.call_tool(tool, arguments)
    assert answer.isError, answer.structuredContent
    return text(answer)


def text(answer: Any) -> str:
    return str(answer.content[0].text)
