"""The workflow of graphs/sdlc.yaml over a real repository, database and queue, with authors that write at once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from bench.empty import EmptyNodes
from bench.latency import Latency
from phasegate.authors import (
    Author,
    Brief,
    CheckReviewer,
    Deliverable,
    Draft,
    Facts,
    FunctionAuthor,
    Report,
    Reviewer,
    Subject,
)
from phasegate.authors.kinds import RUNBOOK
from phasegate.core import Severity, SystemClock
from phasegate.ledger import DecisionKind, GateStatus, Ledger, PrivateKey, Run, RunStatus, Statement
from phasegate.store import Database
from phasegate.store.sqlite import SqliteStore
from phasegate.store.sqlite.engine import PRAGMAS
from phasegate.team import Flow, GatePolicy, load_team
from phasegate.workflow import Channel, Credentials, Gatekeeper, Kind, Manager, Outcome, branch, decide, signed
from phasegate.workflow.engine.graph import Graph, build_graph
from phasegate.workflow.engine.nodes import TeamNodes
from phasegate.workflow.engine.queue import Queue
from phasegate.workflow.engine.segment import Segments, segments
from phasegate.workflow.gates.tokens import give_token
from phasegate.workspace import Signature, Workspace

NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)
SPEC = "specs/001-unattached-ebs-volumes"
SPEC_FILES: Mapping[str, bytes] = {f"{SPEC}/spec.md": b"# A spec\n"}
ADA = Signature("ada", "ada@example.org")


@dataclass(frozen=True)
class QuietEngine:
    """Surroundings in which the policy passes everything."""

    files: Mapping[str, bytes] = field(default_factory=lambda: SPEC_FILES)
    """Of the spec's folder, by path, as they are handed in."""
    demo_workspace: bool = True
    loopback_endpoint: bool = True
    loopback_index: bool = True

    def risk(self, files: Mapping[str, bytes], spec: str) -> tuple[Severity, bool]:
        return Severity.low, False

    async def handed_in(self, run_id: str, attempt: int) -> Mapping[str, bytes]:
        return self.files

    async def kind(self, run_id: str) -> Deliverable:
        return RUNBOOK

    async def versions(self) -> frozenset[str]:
        return frozenset()

    async def facts(self, run_id: str) -> Facts:
        return Facts(run=run_id, spec=SPEC, project="acme-runbooks", package="acme_runbooks", started_at=NOW)


Staff = Callable[[Database, TeamNodes], tuple[Mapping[str, Author], Mapping[str, Reviewer]]]
"""Makes authors and reviewers by role, from the database and the nodes with those that write at once."""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What a benchmark drives."""

    path: Path
    database: Database
    ledger: Ledger
    workspace: Workspace
    keeper: Gatekeeper
    segments: Segments
    queue: Queue
    key: PrivateKey

    async def start(self, run_id: str, policy: str) -> None:
        """Begins a run."""
        run = Run(
            id=run_id,
            spec=SPEC,
            flow="sdlc",
            branch=branch(run_id),
            base=self.workspace.head(),
            policy=policy,
            started_at=NOW,
        )
        await self.ledger.add_run(run, self.queue.dispatch)

    async def approve(self, run_id: str) -> None:
        """The manager's approval of the gate that is open."""
        gate = (await self.ledger.gates(run_id, GateStatus.open))[0]
        now = self.keeper.clock.now()
        token = give_token(self.keeper.system, gate, "ada", now)
        statement = Statement(
            gate=gate.key,
            digest=gate.digest,
            tree=gate.tree,
            kind=DecisionKind.approve,
            by="ada",
            at=now,
            token=token,
            head=await self.ledger.head(gate.key.run),
        )
        who = Credentials(name="ada", kind=Kind.person, channel=Channel.terminal, proved_at=now)
        await decide(self.keeper, signed(statement, self.key), who, self.queue.dispatch)


@asynccontextmanager
async def desk(
    folder: Path, latency: Latency | None = None, staff: Staff | None = None, files: Mapping[str, bytes] = SPEC_FILES
) -> AsyncIterator[Desk]:
    """A desk in an empty folder; authors and checks take as long as `latency` says, or are those of `staff`."""
    workspace = Workspace.create(folder, {"README.md": b"# Ours\n"}, author=ADA, when=NOW, message="The first commit")
    path, clock, flow = folder / ".phasegate" / "phasegate.db", SystemClock(), sdlc()
    database = await SqliteStore(path).open()
    key, system = (PrivateKey(Ed25519PrivateKey.generate()) for _ in range(2))
    queue = await Queue.open(database.store)
    ledger = Ledger(database, clock, system, queue.dispatch)
    keeper = Gatekeeper(
        flow=flow,
        ledger=ledger,
        workspace=workspace,
        managers=lambda: {"ada": Manager(name="ada", card="manager", public_key=key.public)},
        policy=lambda _: _policy(),
        surroundings=QuietEngine(files),
        system=system,
        clock=clock,
    )
    nodes = _nodes(flow, ledger, workspace, keeper, latency or Latency(), QuietEngine(files))
    if staff:
        authors, reviewers = staff(database, nodes)
        nodes = replace(nodes, authors=authors, reviewers=reviewers)
    async with segments(database, lambda saver: build_graph(flow, nodes, saver), keeper) as parts:
        yield Desk(
            path=path,
            database=database,
            ledger=ledger,
            workspace=workspace,
            keeper=keeper,
            segments=parts,
            queue=queue,
            key=key,
        )
    queue.close()
    await database.close()


async def advance(d: Desk, run_id: str) -> RunStatus:
    """Advance a run as a worker does, which forgets the rows of the segments before."""
    status = await d.segments.advance(run_id)
    d.queue.forget(run_id, (await d.ledger.run(run_id)).segments - 1)
    return status


def sdlc() -> Flow:
    """The workflow that we ship."""
    return load_team(None).flow("sdlc")


@asynccontextmanager
async def bare(folder: Path, *, gates: bool, nodes: EmptyNodes | None = None) -> AsyncIterator[Graph]:
    """The same nodes and edges with empty bodies, in bare LangGraph over its SQLite saver for async code."""
    async with AsyncSqliteSaver.from_conn_string(str(folder / "bare.db")) as saver:
        for pragma in (*PRAGMAS, "synchronous=FULL"):  # as the library ships: its commits are on disk, as ours are
            await saver.conn.execute(f"PRAGMA {pragma}")
        yield build_graph(sdlc(), nodes or EmptyNodes(gates=gates), saver)


def _nodes(
    flow: Flow, ledger: Ledger, workspace: Workspace, keeper: Gatekeeper, latency: Latency, engine: QuietEngine
) -> TeamNodes:
    async def draft(brief: Brief) -> Draft:
        await asyncio.sleep(latency.draft)
        row = next(a for a in flow.phase(brief.phase).authors if a.item == brief.item)
        paths = [path.replace("*", "one") for path in brief.facts.paths(row.artifacts)]
        text = f"{brief.phase} {brief.item} {brief.facts.run}\n" * 20
        return Draft(files={path: text.encode() for path in paths}, message=brief.item)

    async def check(subject: Subject) -> Report:
        await asyncio.sleep(latency.check)
        return Report(evidence="nothing to object to")

    async def effect(outcome: Outcome) -> dict[str, Any]:
        return {"commit": outcome.commit}

    author = FunctionAuthor(draft)
    judge = CheckReviewer({name: check for phase in flow.phases for name in phase.all_checks})
    return TeamNodes(
        flow=flow,
        ledger=ledger,
        workspace=workspace,
        authors={row.role: author for phase in flow.phases for row in phase.authors},
        reviewers=dict.fromkeys(flow.roles, judge),
        checks=judge,
        effect_bodies={name: effect for phase in flow.phases for name in phase.effects},
        gatekeeper=keeper,
        run_files=engine,
    )


def _policy() -> GatePolicy:
    asked = {"workspace": "demo", "endpoint": "loopback", "index": "loopback"}
    return GatePolicy.model_validate({"name": "demo", "version": 1, "requires": asked, "marks": "unreleasable"})
