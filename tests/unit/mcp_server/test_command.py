"""`phasegate mcp phasegate`, as other programs start it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from phasegate.mcp_server.server import NAME
from phasegate.tools.servers import TOKEN
from unit.authors.sample_spec import FOLDER, RUNBOOK, SPEC, sample_repository

COMMAND = [sys.executable, "-m", "phasegate.cli", "mcp", "phasegate"]
SECRET = "a secret of this test"
pytestmark = pytest.mark.slow


async def exercised(client: ClientSession) -> str:
    """Hands a spec in, begins a run of it, and reads it; who is on record as having begun it."""
    await client.initialize()
    wish = {"name": "free-again", "spec": SPEC, "runbook": RUNBOOK}
    made = (await client.call_tool("submit_spec", wish)).structuredContent
    assert made
    run = (await client.call_tool("start_run", {"spec": made["spec"]})).structuredContent
    assert run
    listed = (await client.call_tool("list_specs", {})).structuredContent
    assert listed
    assert [row["spec"] for row in listed["specs"]] == [FOLDER]
    seen = (await client.call_tool("get_run", {"run": run["id"]})).structuredContent
    assert seen
    assert (seen["spec"], seen["status"]) == (made["spec"], "working")
    return str(seen["by"])


async def test_over_stdio(tmp_path: Path) -> None:
    target, words = sample_repository(tmp_path / "target"), {**os.environ, NAME: "ide"}
    server = StdioServerParameters(command=COMMAND[0], args=COMMAND[1:], env=words, cwd=target / "specs")
    async with stdio_client(server) as (read, write), ClientSession(read, write) as client:
        assert await exercised(client) == "mcp:ide"


async def test_the_printed_configuration_starts_it_from_another_folder(tmp_path: Path) -> None:
    found = configuration(sample_repository(tmp_path / "target"))
    server = StdioServerParameters(command=found["command"], args=found["args"], env=dict(os.environ), cwd=tmp_path)
    async with stdio_client(server) as (read, write), ClientSession(read, write) as client:
        assert await exercised(client) == "mcp"


def configuration(folder: Path) -> dict[str, Any]:
    """The configuration that the command prints in a folder."""
    printed = subprocess.run([*COMMAND, "--config"], cwd=folder, capture_output=True, text=True, check=True).stdout
    found: dict[str, Any] = json.loads(printed)["mcpServers"]["phasegate"]
    return found


async def test_over_http(tmp_path: Path) -> None:
    with listening(sample_repository(tmp_path / "target")) as address:
        async with httpx.AsyncClient() as stranger:
            assert (await stranger.post(address, json={})).status_code == 401
        async with (
            httpx.AsyncClient(headers={"Authorization": f"Bearer {SECRET}"}, timeout=30) as friend,
            streamable_http_client(address, http_client=friend) as (read, write, _),
            ClientSession(read, write) as client,
        ):
            assert await exercised(client) == "mcp"


def test_outside_of_a_repository_it_says_so(tmp_path: Path) -> None:
    done = subprocess.run(COMMAND, cwd=tmp_path, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (3, "")
    assert "phasegate init" in done.stderr


@contextmanager
def listening(folder: Path) -> Iterator[str]:
    environ = {**os.environ, TOKEN: SECRET}
    with subprocess.Popen(
        [*COMMAND, "--http", "0"], cwd=folder, env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            found = re.search(r"http://\S+/mcp", process.stdout.readline())
            assert found
            yield found[0]
        finally:
            process.terminate()
