"""What the engine costs: around authors that take no time, and beside authors that take some."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from langchain_core.runnables import RunnableConfig
from langgraph.types import Command

from bench.desk import Desk, bare, desk, sdlc
from bench.latency import Latency
from bench.measure import Row, Step, pairs
from phasegate.ledger import RunStatus
from phasegate.workflow.engine.graph import Graph
from phasegate.workflow.state import RunState

TURNS = 15
SECONDS = 0.2
_NOTHING = "0" * 40


async def overhead(*, gates: bool, turns: int = TURNS) -> Row:
    """A run of the whole workflow, against the same nodes with empty bodies over LangGraph's own saver."""
    async with _both(gates=gates) as (ours, theirs):
        measured = await pairs(ours, theirs, turns)
    kind, bar = ("a segment at each gate", 2.5) if gates else ("one segment", 1.5)
    return measured.row(f"run at zero latency, {kind}", bar)


async def latency() -> Row:
    """A run whose authors and checks take 200 ms each, against the longest chain of them."""
    chain = SECONDS * sum(1 + bool(phase.all_checks) for phase in sdlc().phases)
    with TemporaryDirectory() as folder:
        async with desk(Path(folder), Latency(SECONDS, SECONDS)) as d:
            measured = await pairs(_through(d, "demo"), _nothing, 3, warm=1)
    ratios = sorted(seconds / chain for seconds in measured.ours)
    what = f"run with {SECONDS * 1000:.0f} ms authors and checks"
    median = ratios[len(ratios) // 2]
    return Row(
        what=what, measured=f"{median * chain:.2f} s", against=f"{chain:.2f} s in a chain", ratio=median, bar=1.1
    )


@asynccontextmanager
async def _both(*, gates: bool) -> AsyncIterator[tuple[Step, Step]]:
    with TemporaryDirectory() as mine, TemporaryDirectory() as other:
        async with desk(Path(mine)) as d, bare(Path(other), gates=gates) as graph:
            yield _through(d, "" if gates else "demo"), empty(graph)


def _through(d: Desk, policy: str) -> Step:
    async def run(name: str) -> None:
        await d.start(name, policy)
        while await d.segments.advance(name) is RunStatus.waiting:
            await d.approve(name)

    return run


def empty(graph: Graph) -> Step:
    """Return a run of the bare graph."""

    async def run(name: str) -> None:
        config: RunnableConfig = {"configurable": {"thread_id": name}, "recursion_limit": 200}
        resume: Command[None] = Command(resume=True)
        state = RunState(run=name, flow="", base=_NOTHING, commit=_NOTHING, since=_NOTHING, outcome="", phase="")
        await graph.ainvoke(state, config, durability="sync")
        while (await graph.aget_state(config)).next:
            await graph.ainvoke(resume, config, durability="sync")

    return run


async def _nothing(name: str) -> None:
    """Has no counterpart."""
