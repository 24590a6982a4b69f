"""A segment: drives a run from what is stored to its next gate, or to the end."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.constants import START
from langgraph.types import Command, StateSnapshot

from phasegate.core import Parked
from phasegate.ledger import Ledger, Run, RunStatus
from phasegate.ledger.events import RunEnded
from phasegate.store import Checkpoints, Database
from phasegate.workflow.engine.graph import Graph
from phasegate.workflow.engine.nodes import waited_for
from phasegate.workflow.gates.gatekeeper import Gatekeeper
from phasegate.workflow.state import RunState


@dataclass(frozen=True, kw_only=True)
class Segments:
    """Driver of runs, safe to call again for one that stopped anywhere."""

    graph: Graph
    keeper: Gatekeeper
    """Of the workflow that the graph was built from."""
    checkpoints: Checkpoints
    forget: "Forget"
    """Deletes what only a run that is worked on needs."""

    @property
    def ledger(self) -> Ledger:
        """Return the ledger in which runs are looked up."""
        return self.keeper.ledger

    async def advance(self, run_id: str) -> RunStatus:
        """Drives the run until it waits for a person or has ended.

        Raises:
            Parked: the workflow changed while the run was parked.
        """
        run = await self.ledger.run(run_id)
        # A crash between the end of a run and that of its segment has the segment taken up once more.
        if run.status.ended:
            return run.status
        # A run whose gates are all passed by a policy takes about a hundred steps; one that turns in a circle should
        # fail long before LangGraph's own limit of 10,007.
        config: RunnableConfig = {"configurable": {"thread_id": run_id}, "recursion_limit": 200}
        snapshot = await self.graph.aget_state(config)
        entry = self._entry(run, snapshot)
        if _goes_on(snapshot):
            # A step is stored before the next begins: without that a killed worker would repeat work whose effects are
            # known already.
            await self.graph.ainvoke(entry, config, durability="sync")
        return await self._park(run_id, config)

    def _entry(self, run: Run, snapshot: StateSnapshot) -> RunState | Command[None] | None:
        if not _begun(snapshot):
            base = run.base
            return RunState(
                run=run.id, flow=self.keeper.flow.shape, base=base, commit=base, since=base, outcome="", phase=""
            )
        if snapshot.values["flow"] != self.keeper.flow.shape:
            raise Parked(
                f"workflow '{run.flow}' was changed while run '{run.id}' was parked",
                fix="start the spec again, or have the workflow signed as it was until the run has ended",
            )
        # By id: drafts and reviews that wait side by side are several, and LangGraph refuses one answer for all.
        return Command(resume={found.id: True for found in snapshot.interrupts}) if snapshot.interrupts else None

    async def _park(self, run_id: str, config: RunnableConfig) -> RunStatus:
        snapshot = await self.graph.aget_state(config, subgraphs=True)
        # LangGraph keeps a checkpoint of each step for ever; what a parked run goes on from is these alone.
        await self.checkpoints.forget(run_id, ["", *_live(snapshot)])
        await self.forget(run_id, waited_for(snapshot.interrupts))
        if _goes_on(snapshot):
            await self.ledger.wait(run_id)
            return RunStatus.waiting
        ended = await self._ended(run_id, snapshot)
        await self.ledger.set_status(run_id, RunStatus(ended), "", RunEnded(status=ended))
        return RunStatus(ended)

    async def _ended(self, run_id: str, snapshot: StateSnapshot) -> Literal["released", "rejected"]:
        if snapshot.values.get("outcome") == "reject":
            return "rejected"
        phases = [name for name in self.graph.nodes if name != START]
        # The end is believed on signed decisions, too: state that was edited on disk could have walked around a gate.
        await self.keeper.require_passed(run_id, phases)
        return "released"


def _begun(snapshot: StateSnapshot) -> bool:
    """Return whether the run's first step was stored, before which a checkpoint holds defaults alone."""
    return "flow" in snapshot.values


def _goes_on(snapshot: StateSnapshot) -> bool:
    """Return whether anything is left to do.

    `next` does not tell: a task whose writes were stored before the process died is no longer in it, though what
    follows from them was never begun.
    """
    return bool(snapshot.tasks) or not _begun(snapshot)


def _live(snapshot: StateSnapshot) -> list[str]:
    states = [task.state for task in snapshot.tasks if isinstance(task.state, StateSnapshot)]
    return [str(state.config["configurable"]["checkpoint_ns"]) for state in states]


Forget = Callable[[str, Collection[str]], Awaitable[None]]
"""Takes a run that is not worked on, and the keys of drafts and reviews that it waits for."""


async def _nothing(_: str, __: Collection[str]) -> None:
    """Forget nothing, where authors and reviewers keep nothing of a run."""


@asynccontextmanager
async def segments(
    database: Database,
    build: Callable[[BaseCheckpointSaver[Any]], Graph],
    keeper: Gatekeeper,
    forget: Forget = _nothing,
) -> AsyncIterator[Segments]:
    """Segments over the checkpoints in the database.

    Args:
        database: where checkpoints lie.
        build: makes the graph over a saver.
        keeper: of the gates of the workflow that the graph is of.
        forget: deletes what a run needs only while it is worked on.
    """
    checkpoints = database.checkpoints()
    try:
        yield Segments(graph=build(checkpoints.saver), keeper=keeper, checkpoints=checkpoints, forget=forget)
    finally:
        await checkpoints.close()
