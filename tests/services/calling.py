"""Calls the tools of an MCP server as its clients do, through the protocol."""

import os
import sys
from collections.abc import Mapping
from typing import Any

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.server.fastmcp import FastMCP
from mcp.shared.memory import create_connected_server_and_client_session
from mcp.types import CallToolResult, TextContent, Tool


async def called(server: FastMCP, tool: str, **arguments: Any) -> dict[str, Any]:
    """What a tool answers; that it fails fails the test."""
    answer = await _call(server, tool, arguments)
    assert not answer.isError, _text(answer)
    assert answer.structuredContent is not None
    return answer.structuredContent


async def refused(server: FastMCP, tool: str, **arguments: Any) -> str:
    """The error that a tool answers; that it works fails the test."""
    answer = await _call(server, tool, arguments)
    assert answer.isError, answer.structuredContent
    return _text(answer)


async def listed(server: FastMCP) -> dict[str, Tool]:
    """The tools of a server by name."""
    async with create_connected_server_and_client_session(server._mcp_server) as client:
        return {tool.name: tool for tool in (await client.list_tools()).tools}


async def called_by_command(name: str, environ: Mapping[str, str], tool: str, **arguments: Any) -> dict[str, Any]:
    """What a tool answers when the server is the command `phasegate mcp <name>`, on stdio."""
    arguments_of_command = ["-m", "phasegate.cli", "mcp", name]
    command = StdioServerParameters(command=sys.executable, args=arguments_of_command, env={**os.environ, **environ})
    async with stdio_client(command) as (read, write), ClientSession(read, write) as client:
        await client.initialize()
        answer = await client.call_tool(tool, arguments)
    assert not answer.isError, _text(answer)
    assert answer.structuredContent is not None
    return answer.structuredContent


async def _call(server: FastMCP, tool: str, arguments: dict[str, Any]) -> CallToolResult:
    async with create_connected_server_and_client_session(server._mcp_server) as client:
        return await client.call_tool(tool, arguments)


def _text(answer: CallToolResult) -> str:
    (content,) = answer.content
    assert isinstance(content, TextContent)
    return content.text
