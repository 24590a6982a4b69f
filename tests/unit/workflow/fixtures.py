"""A small workflow with scripted authors and checks, over a real repository, database and queue."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.authors import (
    Author,
    Brief,
    Check,
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
from phasegate.core import Clock, FixedClock, Severity, UsageError
from phasegate.ledger import (
    Comment,
    Decision,
    DecisionKind,
    GateRecord,
    GateStatus,
    Ledger,
    PrivateKey,
    Run,
    Statement,
    Waiver,
)
from phasegate.store import Database, Guard
from phasegate.store.sqlite import SqliteStore
from phasegate.team import Flow, GatePolicy
from phasegate.trust import SignedRoot
from phasegate.workflow import Channel, Credentials, Effect, Gatekeeper, Kind, Manager, Outcome, branch, decide, signed
from phasegate.workflow.engine.graph import Nodes, build_graph
from phasegate.workflow.engine.inputs import Observer, RunFiles
from phasegate.workflow.engine.nodes import TeamNodes
from phasegate.workflow.engine.queue import Queue
from phasegate.workflow.engine.segment import Segments, segments
from phasegate.workflow.gates.tokens import give_token
from phasegate.workspace import Signature, Workspace

NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)
ADA = Signature("ada", "ada@example.org")


async def write_item(brief: Brief) -> Draft:
    text = f"{brief.phase} {brief.item} {brief.round} {' '.join(brief.comments)}\n"
    answers = tuple(f"done: {comment}" for comment in brief.comments)
    return Draft(files={f"{brief.phase}/{brief.item}.txt": text.encode()}, message=brief.item, answers=answers)


async def content(subject: Subject) -> Report:
    return Report(evidence=f"{len(subject.files)} files")


async def shake_hands(outcome: Outcome) -> dict[str, Any]:
    return {"tree": len(outcome.files)}


@dataclass
class ShippedFiles:
    """Surroundings that a test sets."""

    demo_workspace: bool = True
    loopback_endpoint: bool = True
    loopback_index: bool = True
    severity: Severity = Severity.low
    destructive: bool = False

    def risk(self, files: Mapping[str, bytes], spec: str) -> tuple[Severity, bool]:
        return self.severity, self.destructive


@dataclass
class Plainly:
    """The same facts for every run."""

    async def handed_in(self, run_id: str, attempt: int) -> Mapping[str, bytes]:
        return {"specs/001-thing/spec.md": b"# A spec\n"}

    async def versions(self) -> frozenset[str]:
        return frozenset()

    async def kind(self, run_id: str) -> Deliverable:
        return RUNBOOK

    async def facts(self, run_id: str) -> Facts:
        return Facts(run=run_id, spec="specs/001-thing", project="acme", package="acme", started_at=NOW)


def flow(*phases: Mapping[str, Any]) -> Flow:
    rows = phases or (phase("first"), phase("second", effects=["shake"]))
    return Flow.model_validate({"name": "small", "version": 1, "phases": list(rows)})


def phase(name: str, **more: Any) -> dict[str, Any]:
    row = {"role": "writer", "item": "text", "artifacts": ["*"]}
    base = {
        "id": name,
        "title": name.title(),
        "authors": [row],
        "checks": ["content"],
        "gate": {"name": f"{name} gate"},
    }
    return {**base, **more}


def policy(**requires: Any) -> GatePolicy:
    asked = {"workspace": "demo", "endpoint": "loopback", "index": "loopback", **requires}
    return GatePolicy.model_validate({"name": "demo", "version": 1, "requires": asked, "marks": "unreleasable"})


@dataclass
class Team:
    """Everything that a test may set before it opens the desk."""

    folder: Path
    flow: Flow = field(default_factory=flow)
    author: Callable[[Brief], Awaitable[Draft]] = write_item
    checks: dict[str, Check] = field(default_factory=lambda: {"content": content})
    effects: dict[str, Effect] = field(default_factory=lambda: {"shake": shake_hands})
    reviewer: Reviewer | None = None
    """Reviews as every role; None: the checks do."""
    observers: Mapping[str, Observer] = field(default_factory=dict)
    run_files: RunFiles = field(default_factory=Plainly)
    files: Mapping[str, bytes] = field(default_factory=lambda: {"README.md": b"# Ours\n"})
    """Of the first commit."""
    here: ShippedFiles = field(default_factory=ShippedFiles)
    policy: GatePolicy = field(default_factory=policy)
    clock: Clock = field(default_factory=lambda: FixedClock(NOW))
    wrap: Callable[[Nodes], Nodes] = lambda nodes: nodes
    """What a test puts around the nodes."""
    key: PrivateKey = field(default_factory=lambda: PrivateKey(Ed25519PrivateKey.generate()))
    system: PrivateKey = field(default_factory=lambda: PrivateKey(Ed25519PrivateKey.generate()))

    git: type[Workspace] = Workspace
    others: dict[str, Manager] = field(default_factory=dict)
    """Managers besides ada."""
    roots: list[str] = field(default_factory=list)
    """Digests of the versions of the root, which a test may change."""
    versions: list[SignedRoot] = field(default_factory=list)
    """Versions of the root whose digests these are."""

    @property
    def managers(self) -> dict[str, Manager]:
        return {"ada": Manager(name="ada", card="manager", public_key=self.key.public), **self.others}

    @property
    def database(self) -> Path:
        return self.folder / ".phasegate" / "phasegate.db"


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A team at work, with what a test wants to do to it."""

    team: Team
    ledger: Ledger
    workspace: Workspace
    keeper: Gatekeeper
    segments: Segments
    queue: Queue

    async def start(
        self,
        policy: str = "",
        run_id: str = "r1",
        by: str = "",
        spec: str = "specs/001-thing",
        signer: PrivateKey | None = None,
    ) -> str:
        run = Run(
            id=run_id,
            spec=spec,
            flow=self.team.flow.name,
            branch=branch(run_id),
            base=self.workspace.head(),
            policy=policy,
            by=by,
            started_at=self.team.clock.now(),
        )
        self.workspace.aim(f"target/{run_id}")
        person = Credentials(name=by, kind=Kind.person, channel=Channel.page)
        starter = self.keeper.starter(run, person, signer) if by else None
        await self.ledger.add_run(run, self.queue.dispatch, self.keeper.terms(run), starter=starter)
        return run_id

    async def _head(self, gate: GateRecord) -> str:
        """Return the newest event as the keeper sees it, or nothing of a run that is not there."""
        try:
            return (await self.keeper.ledger.dossier(gate.key)).last.hex()
        except UsageError:
            return ""

    async def open_gate(self) -> GateRecord:
        return (await self.ledger.gates(status=GateStatus.open))[-1]

    async def decide(
        self,
        kind: DecisionKind,
        gate: GateRecord,
        *comments: str,
        by: str = "ada",
        digest: str = "",
        key: PrivateKey | None = None,
        waiver: Waiver | None = None,
        token: str = "",
        instead_of: str = "",
        who: Credentials | None = None,
    ) -> Decision:
        now = self.team.clock.now()
        statement = Statement(
            gate=gate.key,
            digest=digest or gate.digest,
            tree=gate.tree,
            kind=kind,
            by=by,
            at=now,
            comments=tuple(Comment(text=text) for text in comments),
            waiver=waiver,
            token=token or give_token(self.team.system, gate, by, now),
            instead_of=instead_of,
            head=await self._head(gate),
        )
        person = Credentials(name=by, kind=Kind.person, channel=Channel.terminal, proved_at=now)
        return await decide(self.keeper, signed(statement, key or self.team.key), who or person, self.queue.dispatch)


@asynccontextmanager
async def engine(team: Team, guard: Guard = lambda _: None) -> AsyncIterator[Engine]:
    workspace = _workspace(team)
    await _migrated(team.database)
    async with AsyncExitStack() as stack:
        database = await SqliteStore(team.database).open(guard)
        stack.push_async_callback(database.close)
        queue = await Queue.open(database.store)
        stack.callback(queue.close)
        yield await stack.enter_async_context(_at_work(team, workspace, database, queue))


@asynccontextmanager
async def _at_work(team: Team, workspace: Workspace, database: Database, queue: Queue) -> AsyncIterator[Engine]:
    ledger = Ledger(database, team.clock, team.system, queue.dispatch)
    keeper = Gatekeeper(
        flow=team.flow,
        ledger=ledger,
        workspace=workspace,
        managers=lambda: team.managers,
        policy=lambda _: team.policy,
        roots=lambda: (*team.roots, *(version.digest for version in team.versions)),
        surroundings=team.here,
        system=team.system,
        clock=team.clock,
        agents=frozenset({"writer", "critic"}),
    )
    writer: Author = FunctionAuthor(lambda brief: team.author(brief))
    judge = CheckReviewer(team.checks)
    nodes = TeamNodes(
        flow=team.flow,
        ledger=ledger,
        workspace=workspace,
        authors={author.role: writer for row in team.flow.phases for author in row.authors},
        reviewers={row.role: team.reviewer or judge for each in team.flow.phases for row in each.reviews},
        checks=judge,
        effect_bodies=team.effects,
        gatekeeper=keeper,
        run_files=team.run_files,
        observers=team.observers,
    )
    async with segments(database, lambda saver: build_graph(team.flow, team.wrap(nodes), saver), keeper) as parts:
        yield Engine(team=team, ledger=ledger, workspace=workspace, keeper=keeper, segments=parts, queue=queue)


def _workspace(team: Team) -> Workspace:
    if (team.folder / ".git").exists():
        return team.git.open(team.folder)
    return team.git.create(team.folder, team.files, author=ADA, when=NOW, message="The first commit")


_templates = TemporaryDirectory()


async def _migrated(path: Path) -> None:
    """Copies a database with all tables, made once: migrations have tests of their own."""
    template = Path(_templates.name) / "phasegate.db"
    if await asyncio.to_thread(path.exists):
        return
    if not await asyncio.to_thread(template.exists):
        database = await SqliteStore(template).open()
        queue = await Queue.open(database.store)
        queue.close()
        await database.close()
    path.parent.mkdir(parents=True)
    copyfile(template, path)
