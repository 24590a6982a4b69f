"""A tool of ours over both transports, called by the protocol's own client."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import anyio
import httpx
import pytest
import uvicorn
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.server.fastmcp import FastMCP
from mcp.shared.memory import create_connected_server_and_client_session

from phasegate.core import Exhausted, Missing, PhasegateError, Refused
from phasegate.tools.servers.mcp_base import READ, TOKEN, McpServer, Result, http_app, report_of, setting, tool


class Counted(Result):
    """How many."""

    count: int


@pytest.fixture
def server() -> FastMCP:
    made = McpServer("things", "Counts things.")

    @tool(made, READ)
    def count(kind: str, limit: int = 10) -> Counted:
        """Counts things of a kind."""
        if kind == "stars":
            raise Exhausted("there are too many stars", fix="name a constellation")
        return Counted(count=limit)

    return made


async def test_a_tool_shows_its_types_and_what_it_does(server: FastMCP) -> None:
    async with create_connected_server_and_client_session(server._mcp_server) as client:
        (shown,) = (await client.list_tools()).tools
    assert shown.description == "Counts things of a kind."
    assert shown.inputSchema["required"] == ["kind"]
    assert shown.outputSchema is not None
    assert shown.outputSchema["properties"]["count"]["type"] == "integer"
    assert shown.annotations == READ


async def test_an_error_says_what_to_do(server: FastMCP) -> None:
    async with create_connected_server_and_client_session(server._mcp_server) as client:
        good = await client.call_tool("count", {"kind": "planets"})
        bad = await client.call_tool("count", {"kind": "stars"})
        wrong = await client.call_tool("count", {"kind": "planets", "limit": "s3cret"})
    assert (good.isError, good.structuredContent) == (False, {"count": 10})
    assert bad.isError
    assert _text(bad) == "there are too many stars; name a constellation"
    assert wrong.isError
    assert "limit" in _text(wrong)
    assert "s3cret" not in _text(wrong)


@pytest.mark.parametrize("token", ["", "Bearer other", "Bearer s3cret2", "Basic s3cret"])
async def test_http_wants_the_token(server: FastMCP, token: str) -> None:
    async with served(server) as address:
        async with httpx.AsyncClient() as stranger:
            answer = await stranger.post(address, headers={"Authorization": token} if token else {}, json={})
        async with (
            httpx.AsyncClient(headers={"Authorization": "Bearer s3cret"}) as friend,
            streamable_http_client(address, http_client=friend) as (read, write, _),
            ClientSession(read, write) as client,
        ):
            await client.initialize()
            said = await client.call_tool("count", {"kind": "planets", "limit": 8})
    assert answer.status_code == 401
    assert said.structuredContent == {"count": 8}


def test_http_without_a_token_does_not_start(server: FastMCP) -> None:
    with pytest.raises(Missing, match=TOKEN):
        http_app(server, {TOKEN: " "})


def test_a_setting_that_is_missing_is_named() -> None:
    with pytest.raises(Missing) as missing:
        setting({}, "JIRA_URL", "the address of Jira")
    assert (str(missing.value), missing.value.fix) == ("JIRA_URL is not set", "set it to the address of Jira")


def _text(answer: Any) -> str:
    return str(answer.content[0].text)


@asynccontextmanager
async def served(server: FastMCP) -> AsyncIterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        web = uvicorn.Server(uvicorn.Config(http_app(server, {TOKEN: "s3cret"}), log_level="warning", lifespan="on"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(web.serve, [listening])
            while not web.started:  # noqa: ASYNC110 - it has no event to wait for
                await anyio.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
            web.should_exit = True


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (Refused("it is void", reason="gate_void", fix="list gates: 'phasegate gates'"), "(that is list_gates here)"),
        (Missing("no key", fix="make one: 'phasegate manager init'"), "(a person does that, at a terminal)"),
        (Missing("no key", fix="set JIRA_TOKEN"), "set JIRA_TOKEN"),
    ],
)
def test_advice_can_be_followed_over_mcp(error: PhasegateError, says: str) -> None:
    assert report_of(error).text().removesuffix(" (reason: gate_void)").endswith(says)


async def test_a_server_says_the_version_of_phasegate() -> None:
    made = McpServer("x", "Says things.")
    async with create_connected_server_and_client_session(made._mcp_server) as client:
        about = (await client.initialize()).serverInfo
    assert (about.name, about.version) == ("x", version("phasegate"))
