"""Connections that dawdle, and servers that compute on, over real sockets and in real processes."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from phasegate.web.socket import run, take

HEAD = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n"
BUSY = """
import asyncio
from phasegate.web.socket import run, take

async def busy(scope, receive, send):
    print("busy", flush=True)
    while True:
        pass

listening = take("127.0.0.1", 0)
print(listening.getsockname()[1], flush=True)
asyncio.run(run(busy, listening, end=1))
"""


async def _reads(_scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def _served() -> AsyncIterator[int]:
    listening = take("127.0.0.1", 0)
    task = asyncio.create_task(run(_reads, listening, patience=0.3))
    yield listening.getsockname()[1]
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    listening.close()


@pytest.mark.parametrize(
    "text", [b"", b"GET / HTTP/1.1\r\nx: " + b"a" * 4000, HEAD + b"x" * 8], ids=["none", "head", "body"]
)
async def test_a_request_that_trickles_is_cut_off(text: bytes) -> None:
    async with _served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(text[: len(HEAD)])
        sent = len(HEAD)
        with suppress(ConnectionError):
            while not reader.at_eof() and sent < len(text) + 4000:
                writer.write(text[sent : sent + 1])
                sent += 1
                with suppress(TimeoutError):
                    assert await asyncio.wait_for(reader.read(1), 0.05) == b""
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        assert sent < len(text) + 4000


async def test_requests_that_arrive_in_time_are_answered_on_one_connection() -> None:
    async with _served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(HEAD + b"x" * 9)
            assert b" 204 " in await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(0.4)
        writer.close()


def test_sigterm_ends_a_server_that_computes() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        port = int(server.stdout.readline())
        with suppress(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/", timeout=0.5)
        assert server.stdout.readline() == "busy\n"
        server.terminate()
        assert server.wait(30) == -signal.SIGALRM
