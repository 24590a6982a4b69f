"""A run that a test leads through its states, and local services to which it is mirrored, over the real protocol."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from mcp.server.fastmcp import FastMCP
from mcp.shared.memory import create_connected_server_and_client_session
from mcp.types import CallToolResult, Tool

from phasegate.app import App, Mirror, open_app
from phasegate.core import FixedClock, Missing
from phasegate.ledger import (
    Comment,
    DecisionKind,
    Event,
    GateKey,
    GateRecord,
    GateStatus,
    Grants,
    Opening,
    PrivateKey,
    Run,
    RunStatus,
    Statement,
    Waiver,
)
from phasegate.ledger.events import E, RunEnded
from phasegate.notifications.delivery import Deliverer
from phasegate.notifications.setup import follower_of, grant_all
from phasegate.team import ToolServer
from phasegate.tools.client import Sessions
from phasegate.workflow import branch, signed
from phasegate.workflow.gates import decision_event
from phasegate.workspace import Signature
from services.confluence import ConfluenceService
from services.happened import done, opened
from services.jira import JiraService
from services.slack import SlackService
from services.teams import TeamsService
from unit.authors.sample_spec import FOLDER, NOW, sample_repository
from unit.authors.sample_spec import files as spec_files
from unit.tools.servers.confluence.fixtures import confluence_server as confluence_desk
from unit.tools.servers.jira.fixtures import jira_server as jira_desk
from unit.tools.servers.slack.fixtures import slack_server as slack_desk
from unit.tools.servers.teams.fixtures import teams_server as teams_desk

KEY = PrivateKey(Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32))
EVERYTHING: dict[str, Any] = {
    "link": "https://phasegate.example.com",
    "jira": {
        "project": "OPS",
        "subtasks": True,
        "statuses": {"working": "In Progress", "waiting": "In Review", "released": "In Review"},
    },
    "confluence": {"space": "OPS"},
    "slack": {"channel": "C0OPS"},
    "teams": {},
}
TASKS = b"# Tasks\n\n- [ ] T001 Write `src/a.py` (FR-001)\n- [ ] T002 [P] Test it *well* (FR-001)\n"
RELEASED = {
    f"{FOLDER}/tasks.md": TASKS,
    "docs/decisions/0001-free-volumes.md": b"# Look before you delete\n\nWe only look.\n",
    "docs/runbooks/free-volumes.md": b"# Free volumes\n\nRun it *daily*.\n",
    "docs/releases/0.1.0.md": b"# Release 0.1.0\n\n- Finds free volumes\n",
}


@dataclass
class Services:
    """The services, and our MCP servers that talk to them."""

    jira: JiraService
    confluence: ConfluenceService
    slack: SlackService
    teams: TeamsService
    servers: Mapping[str, FastMCP]
    dead: set[str] = field(default_factory=set)
    """Servers that do not start."""


@contextmanager
def services() -> Iterator[Services]:
    """All of them, running."""
    with ExitStack() as stack:
        jira, confluence = stack.enter_context(jira_desk()), stack.enter_context(confluence_desk())
        slack, teams = stack.enter_context(slack_desk()), stack.enter_context(teams_desk())
        servers = {
            "jira": jira.server(),
            "confluence": confluence.server(),
            "slack": slack.server(),
            "teams": teams.server(),
        }
        yield Services(jira.jira, confluence.confluence, slack.slack, teams.teams, servers)


class Inside(Sessions):
    """Sessions with the servers in this very process, over the protocol all the same."""

    def __init__(self, there: Services) -> None:
        super().__init__({})
        self._there = there
        self.calls: list[str] = []

    async def tools(self, server: ToolServer) -> dict[str, Tool]:
        async with create_connected_server_and_client_session(self._server(server)) as client:
            return {tool.name: tool for tool in (await client.list_tools()).tools}

    async def call(
        self, server: ToolServer, tool: str, arguments: Mapping[str, Any], *, seconds: float, reads: bool
    ) -> CallToolResult:
        self.calls.append(f"{server.name}.{tool}")
        async with create_connected_server_and_client_session(self._server(server)) as client:
            return await client.call_tool(tool, dict(arguments), timedelta(seconds=seconds))

    def _server(self, server: ToolServer) -> Any:
        if server.name in self._there.dead:
            raise Missing(f"server '{server.name}' does not start", fix="start it")
        return self._there.servers[server.name]._mcp_server


@dataclass
class NotifiedEngine:
    """A repository with a run, and what follows it."""

    app: App
    clock: FixedClock
    follower: Deliverer
    sessions: Inside
    there: Services
    run: Run

    async def step(self, times: int = 2) -> None:
        """Brings everything up to date; what was told is news to nobody."""
        for _ in range(times):
            await self.follower.step()

    def passes(self, seconds: float) -> None:
        """Time goes by."""
        self.clock.move(self.clock.now() + timedelta(seconds=seconds))

    async def happens(self, *events: Event) -> None:
        """Events of the run."""
        await self.app.ledger.record(self.run.id, *events)

    async def opens(self, phase: str, attempt: int = 1, files: Mapping[str, bytes] | None = None) -> GateRecord:
        """A gate on a tree."""
        key, tip = GateKey(self.run.id, phase, attempt), self.app.workspace.tip(branch(self.run.id))
        given = {**spec_files(), **(files or {f"{FOLDER}/{phase}.md": f"{phase} {attempt}".encode()})}
        commit = self.app.workspace.commit(
            [tip or self.run.base], given, author=Signature("x", "x@example.org"), when=NOW, message=phase
        )
        self.app.workspace.point(branch(self.run.id), commit)
        tree, now = self.app.workspace.tree_id(commit), self.clock.now()
        gate = GateRecord(
            key=key,
            status=GateStatus.open,
            commit=commit,
            tree=tree,
            since=tip or self.run.base,
            digest=f"{attempt:x}" * 64,
            opened_at=now,
        )
        await self.app.ledger.open_gate(key, lambda _: Opening(gate, None, [opened(phase, attempt)]))
        return gate

    async def says(
        self, gate: GateRecord, kind: DecisionKind, comments: Sequence[Comment] = (), waiver: Waiver | None = None
    ) -> None:
        """What ada decides there."""
        statement = Statement(
            gate=gate.key,
            digest=gate.digest,
            tree=gate.tree,
            kind=kind,
            by="ada",
            at=self.clock.now(),
            comments=tuple(comments),
            waiver=waiver,
            token=str(gate.key),
        )
        decision = signed(statement, KEY)
        await self.app.ledger.decide(decision, 1, lambda *_: None, decision_event(decision, "terminal"))

    async def approved(self, phase: str, files: Mapping[str, bytes] | None = None) -> None:
        """A gate that was opened and passed."""
        await self.says(await self.opens(phase, files=files), DecisionKind.approve)

    async def ends(self, status: Literal["released", "rejected"] = "released") -> None:
        """The run's end."""
        published = done("release", "publish", version="0.1.0", wheel="x.whl")
        smoke = done("release", "smoke", findings=6, runbooks=1)
        await self.app.ledger.set_status(self.run.id, RunStatus(status), "", published, smoke, RunEnded(status=status))

    async def events(self, kind: type[E]) -> list[E]:
        """The run's events of a kind."""
        return await self.app.ledger.events_of(self.run.id, kind)


@asynccontextmanager
async def notified(
    folder: Path, there: Services, config: Mapping[str, Any] | None = None, *, granted: bool = True
) -> AsyncIterator[NotifiedEngine]:
    """A run that was begun just now in a repository that mirrors."""
    clock = FixedClock(NOW)
    target = sample_repository(folder, managers={"ada": KEY})
    async with open_app(target, clock=clock) as app:
        mirror = Mirror.model_validate(EVERYTHING if config is None else config)
        object.__setattr__(app, "config", app.config.model_copy(update={"mirror": mirror}))
        sessions = Inside(there)
        if granted:
            await grant_all(app, sessions, "ada", KEY)
        follower = follower_of(app, sessions)
        await follower.step()  # switched on before the run begins
        run = await app.start(target / FOLDER, by="mia")
        yield NotifiedEngine(app, clock, follower, sessions, there, run)


async def grants_of(desk: NotifiedEngine) -> int:
    """How many grants there are."""
    return len(await Grants(desk.app.database, desk.clock).all())


def rows(connection: sa.Connection, table: str) -> int:
    """How many rows a table has."""
    return int(connection.exec_driver_sql(f"select count(*) from {table}").scalar_one())
