"""What is said where a server cannot be used: what it said itself, and something that leads on."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.responses import Response

from phasegate.core import Missing
from phasegate.team import ToolServer
from phasegate.tools.client import Sessions
from services import serve
from services.faults import Faults

PYTHON = sys.executable


def server(**more: Any) -> ToolServer:
    return ToolServer.model_validate({"name": "s", "roles": [], "tools": {"*": "read"}, **more})


async def trouble(described: ToolServer, log: Path | None = None, **environ: str) -> Missing:
    sessions = Sessions({**os.environ, **environ}, log, waits=(), start_seconds=10)
    try:
        with pytest.raises(Missing) as missing:
            await sessions.tools(described)
    finally:
        await sessions.close()
    assert "tools list" not in missing.value.fix  # which leads back to where it was said
    return missing.value


@pytest.mark.parametrize(
    ("command", "why", "fix"),
    [
        (
            [PYTHON, "-c", "raise SystemExit('AWS_REGION is not set')"],
            "it said: AWS_REGION is",
            "all that it wrote is in",
        ),
        ([PYTHON, "-c", "import boto9"], "lacks a module", "the package of 'boto9'"),
        ([PYTHON, "-c", "raise SystemExit('requires-python >=3.14')"], "another version", "uv tool install"),
        ([PYTHON, "-c", "raise SystemExit('npm error code E404')"], "its package was", "check the name"),
        ([PYTHON, "-c", "print('Serving on http', flush=True)"], "it writes 'Serving on", "its option for"),
        (["not-here"], "there is no program 'not-here'", "write its full path into tools/s.yaml"),
    ],
)
async def test_a_program_that_does_not_start_says_why(tmp_path: Path, command: list[str], why: str, fix: str) -> None:
    found = await trouble(server(command=command), tmp_path / "tools.log")
    assert why in str(found)
    assert fix in found.fix


@pytest.mark.parametrize("name", ["npx", "uvx"])
async def test_what_is_missing_is_to_be_installed(name: str) -> None:
    assert (await trouble(server(command=[name, "x"]), PATH="/nowhere")).fix == {
        "npx": "install Node.js, which brings npx",
        "uvx": "install uv, which brings uvx",
    }[name]


async def test_what_may_not_be_run_and_what_is_no_program_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("print()")
    (tmp_path / "odd").write_text("print()")
    (tmp_path / "odd").chmod(0o755)
    assert "chmod +x" in (await trouble(server(command=[str(tmp_path / "plain")]))).fix
    assert "name its interpreter" in (await trouble(server(command=[str(tmp_path / "odd")]))).fix


async def test_what_a_server_says_is_cut_and_without_secrets() -> None:
    key = "xoxb-" + "1234567890-abcdefgh"
    program = f"raise SystemExit('x' * 9000 + ' {key[:5]}' '{key[5:]}\\x1b[31m')"  # a command holds no secret
    said = await trouble(server(command=[PYTHON, "-c", program]))
    assert "(secret)" in str(said)
    assert key not in str(said)
    assert "\x1b" not in str(said)
    assert len(str(said)) < 700


class Answers:
    """An address that answers every request so."""

    def __init__(self, status: int, **headers: str) -> None:
        self.app, self.faults = FastAPI(), Faults()

        @self.app.api_route("/{path:path}", methods=["GET", "POST", "DELETE"])
        def any_(path: str) -> Response:
            return Response("no", status, {name.replace("_", "-"): value for name, value in headers.items()})


@contextmanager
def at(status: int, **headers: str) -> Iterator[str]:
    with serve(Answers(status, **headers)) as address:
        yield f"{address}/sse"


@pytest.mark.parametrize(
    ("status", "headers", "why", "fix"),
    [
        (401, {"www_authenticate": 'Bearer resource_metadata="https://a.example/x"'}, "asks for OAuth", "mcp-remote"),
        (401, {}, "asks for a token", "name its variable as `token` in tools/s.yaml"),
        (403, {}, "refuses whoever we are", "ask whoever runs it"),
        (404, {}, "there is nothing at", "often it ends in /mcp"),
        (405, {}, "does not speak streamable HTTP there (405), perhaps SSE alone", "often /mcp instead of /sse"),
        (406, {}, "perhaps SSE alone", "mcp-remote"),
        (307, {"location": "https://a.example/mcp"}, "sends us on to https://a.example/mcp", "write that into"),
        (500, {}, "it failed (500)", "call again later"),
        (200, {"content_type": "text/html"}, "answered with 'text/html' instead of a message", "look whether http"),
    ],
)
async def test_an_address_says_what_is_wrong_with_it(status: int, headers: dict[str, str], why: str, fix: str) -> None:
    with at(status, **headers) as address:
        found = await trouble(server(url=address))
    assert why in str(found)
    assert fix in found.fix


async def test_a_token_that_is_not_accepted_names_its_variable() -> None:
    with at(401) as address:
        found = await trouble(server(url=address, token="FAR_TOKEN"), FAR_TOKEN="x")
    assert (found.fix, "FAR_TOKEN" in str(found)) == ("set FAR_TOKEN to a valid one", True)


async def test_where_nobody_listens_the_address_is_named() -> None:
    found = await trouble(server(url="http://127.0.0.1:9/mcp"))
    assert "http://127.0.0.1:9/mcp cannot be reached" in str(found)
    assert "tools/s.yaml" in found.fix
