"""The composition root: builds the parts once, and offers what the faces call."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from phasegate.app.config import COMPILER, STATE, Config, read_config
from phasegate.app.here import RUNBOOK, Folder, World
from phasegate.authors import CHECKS
from phasegate.core import Clock, Finding, Held, InvalidInput, SystemClock, new_id
from phasegate.ledger import (
    Comment,
    Decision,
    DecisionKind,
    GateRecord,
    Ledger,
    PrivateKey,
    Run,
    Statement,
    Waiver,
    create_key,
    unlock_key,
)
from phasegate.sandbox import find_sandbox
from phasegate.store import Database
from phasegate.team import Flow, Team, load_team
from phasegate.workflow import EFFECTS, Gatekeeper, branch, decide
from phasegate.workflow.liveness import is_dead
from phasegate.workspace import Workspace

if TYPE_CHECKING:
    from phasegate.workflow.queue import Queue


class LazyQueue:
    """The queue, opened at its first use: its library takes a while to load, and what only reads needs none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queue: Queue | None = None
        self._opening = asyncio.Lock()

    async def opened(self) -> "Queue":
        """The queue.

        Raises:
            Exhausted: the database cannot be used.
        """
        async with self._opening:
            if self._queue is None:
                from phasegate.workflow.queue import Queue

                self._queue = await Queue.open(self._path)
            return self._queue

    def close(self) -> None:
        """Closes it, where it was opened."""
        if self._queue:
            self._queue.close()


@dataclass(frozen=True, kw_only=True)
class App:
    """A target repository with everything that works on it."""

    folder: Folder
    config: Config
    clock: Clock
    team: Team
    flow: Flow
    workspace: Workspace
    ledger: Ledger
    database: Database
    queue: LazyQueue
    keeper: Gatekeeper

    @property
    def state(self) -> Path:
        """Where database, index, logs and the system's key lie."""
        return self.folder.path / STATE

    async def start(self, spec: Path, policy: str = "") -> Run:
        """Begins a run of a spec; a worker takes it from there.

        Args:
            spec: the spec's folder, or its spec.md.
            policy: the gate policy that may decide in a person's place; empty: none.

        Raises:
            InvalidInput: there is no such spec, or it does not hold; `findings` say where.
            Missing: there is no sandbox for what it will write.
        """
        place = self.folder.locate(spec)
        if policy:
            self.team.policy(policy)
        findings = [finding for finding in await asyncio.to_thread(self.lint, place) if finding.blocking]
        if findings:
            raise InvalidInput(
                f"'{place}' has {len(findings)} finding(s) that must be mended first",
                fix=f"mend them; 'phasegate lint {place}' shows all",
                findings=findings,
            )
        await find_sandbox()
        run_id = new_id()
        run = Run(
            id=run_id,
            spec=place,
            flow=self.flow.name,
            branch=branch(run_id),
            base=self.workspace.head(),
            policy=policy,
            started_at=self.clock.now(),
        )
        self.workspace.mark(f"intake/{run_id}/0", run.base)
        await self.ledger.add_run(run, (await self.queue.opened()).dispatch)
        return run

    def lint(self, place: str) -> list[Finding]:
        """What is wrong with a spec's folder.

        Raises:
            InvalidInput: it has no runbook.yaml, and no model is set that could write one.
        """
        files = self.folder.read(place)
        runbook = files.get(f"{place}/{RUNBOOK}")
        if runbook is None:
            raise InvalidInput(
                f"'{place}' has no {RUNBOOK}, and the compiler builds from nothing else",
                fix=f"add {place}/{RUNBOOK} (docs/runbook-language.md)",
            )
        from phasegate.runbooks.lint import lint  # these load the compiler, which deciding needs none of
        from phasegate.spec import lint_spec

        return [*lint_spec(files, place), *lint(runbook.decode("utf-8", "replace"), f"{place}/{RUNBOOK}")]

    async def resume(self, run_id: str) -> Run:
        """Sends a run on that stands; one that works or waits goes on by itself.

        Raises:
            Held: a live process works on it.
        """
        run = await self.ledger.run(run_id)
        queue = await self.queue.opened()
        holder = await asyncio.to_thread(queue.holder, run.id)
        if holder and not is_dead(self.state / "workers", holder):
            raise Held(
                f"run '{run.id}' is being worked on by process {holder.partition('-')[0]}",
                fix=f"follow it with 'phasegate status {run.id}', or stop that process",
            )
        if holder is None and not run.status.ended:
            await self.ledger.redispatch(run.id, queue.dispatch)
        return await self.ledger.run(run.id)

    async def decide(
        self,
        gate: GateRecord,
        kind: DecisionKind,
        by: str,
        key: PrivateKey,
        *,
        digest: str,
        comments: Sequence[Comment] = (),
        waiver: Waiver | None = None,
    ) -> Decision:
        """Signs and takes a manager's decision; see `phasegate.workflow.decide` for what is refused."""
        statement = Statement(
            gate=gate.key,
            digest=digest,
            kind=kind,
            by=by,
            at=self.clock.now(),
            comments=tuple(comments),
            waiver=waiver,
        )
        return await decide(self.keeper, statement, key, (await self.queue.opened()).dispatch)


@asynccontextmanager
async def open_app(path: Path, *, clock: Clock | None = None) -> AsyncIterator[App]:
    """Opens the target repository that the path is in.

    Raises:
        InvalidInput: it is none, or its configuration, cards or workflow do not hold.
        Exhausted: its database cannot be used.
    """
    clock = clock or SystemClock()
    workspace = Workspace.open(path)
    folder = workspace.folder
    config = read_config(folder)
    if config.work.model != COMPILER:
        raise InvalidInput(f"model '{config.work.model}' is not built yet", fix=f'set [work] model = "{COMPILER}"')
    team = load_team(folder, known_checks=CHECKS, known_effects=EFFECTS)
    flow = team.flow(config.work.flow)
    for phase in flow.phases:
        if phase.gate.quorum > 1:
            raise InvalidInput(f"gate '{phase.gate.name}': a quorum of more than one is not built yet", fix="quorum: 1")
    path = folder / STATE / "phasegate.db"
    database = await Database.open(path)
    queue = LazyQueue(path)
    ledger = Ledger(database, clock)
    try:
        yield App(
            folder=Folder(
                path=folder,
                config=config,
                ledger=ledger,
                workspace=workspace,
                unreleasable=lambda name: team.policy(name).marks == "unreleasable",
            ),
            config=config,
            clock=clock,
            team=team,
            flow=flow,
            workspace=workspace,
            ledger=ledger,
            database=database,
            queue=queue,
            keeper=Gatekeeper(
                flow=flow,
                ledger=ledger,
                workspace=workspace,
                managers=lambda: read_config(folder).people(),
                policy=team.policy,
                surroundings=World(config=config),
                system=_system_key(folder / STATE / "system.key"),
                clock=clock,
            ),
        )
    finally:
        queue.close()
        await database.close()


def _system_key(path: Path) -> PrivateKey:
    return unlock_key(path, None) if path.exists() else create_key(path, None)
