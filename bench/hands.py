"""What a call of a tool costs more through a role's hands than through the protocol's own client."""

import logging
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from moto.server import ThreadedMotoServer

from bench.desk import NOW, SPEC
from bench.measure import Row, pairs
from phasegate.core import SystemClock
from phasegate.ledger import Grants, Ledger, PrivateKey, Run, create_key
from phasegate.ledger.events import ToolCalled
from phasegate.store import Database
from phasegate.store.sqlite import SqliteStore
from phasegate.team import load_team
from phasegate.tools.client import Policy, Sessions, ToolClient

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
TURNS = 60


async def hands() -> Sequence[Row]:
    """A call that reads, over stdio, of our AWS server before a local account; judged, cleaned, and an event each."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    account = ThreadedMotoServer(port=0, verbose=False)
    account.start()
    host, port = account.get_host_and_port()
    environ = {**os.environ, **KEYS, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    sessions = Sessions(environ)
    try:
        with tempfile.TemporaryDirectory() as folder:
            database = await SqliteStore(Path(folder) / "p.db").open()
            try:
                key = create_key(Path(folder) / "key", None)
                return [await _measured(environ, await _role(database, key, sessions))]
            finally:
                await sessions.close()
                await database.close()
    finally:
        account.stop()


async def _role(database: Database, key: PrivateKey, sessions: Sessions) -> ToolClient:
    clock = SystemClock()
    ledger, grants = Ledger(database, clock, key), Grants(database, clock)
    run = Run(id="r1", spec=SPEC, flow="sdlc", branch="b", base="0" * 40, started_at=NOW)
    await ledger.add_run(run, lambda *_: None)

    async def record(called: ToolCalled) -> None:
        await ledger.record("r1", called)

    async def given() -> list[Any]:
        return [grant for grant, _ in await grants.all()]

    servers = load_team().servers
    policy = Policy(servers={"aws": _unhurried(servers["aws"])}, now=clock.now)
    return ToolClient(role="sre-automation", policy=policy, sessions=sessions, grants=given, record=record)


def _unhurried(server: Any) -> Any:
    """The server without its pace: a benchmark calls more often than an agent may."""
    rules = {name: rule.model_copy(update={"per_minute": 10_000}) for name, rule in server.tools.items()}
    return server.model_copy(update={"tools": rules})


async def _measured(environ: Mapping[str, str], role: ToolClient) -> Row:
    words = ["-m", "phasegate.cli", "mcp", "aws"]
    program = StdioServerParameters(command=sys.executable, args=words, env=dict(environ))
    async with stdio_client(program) as (read, write), ClientSession(read, write) as client:
        await client.initialize()
        return await _against(client, role)


async def _against(client: ClientSession, role: ToolClient) -> Row:
    async def ours(_: str) -> None:
        assert not (await role.call("aws", "caller_identity")).failed

    async def bare(_: str) -> None:
        assert not (await client.call_tool("caller_identity", {})).isError

    return (await pairs(ours, bare, TURNS, warm=5)).row(
        "a tool's call through the policy, against the bare client", 1.3
    )
