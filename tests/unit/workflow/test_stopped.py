"""A process that dies between two writes of the checkpoints: whoever goes on does so from there, and skips nothing."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from langchain_core.runnables import RunnableConfig

from phasegate.core import PhasegateError
from phasegate.ledger import DecisionKind, RunStatus
from phasegate.store.sqlite import SqliteCheckpoints, SqliteDatabase
from unit.workflow.fixtures import Engine, Team, engine, flow, phase

T = TypeVar("T")
_KEYS = {"run", "gate:first/1", "effect:second/shake", "phase:second/1/1", "end"}


class Died(Exception):
    """The process is gone."""


class Dying:
    """A database that lets so many operations of the saver through, and then none."""

    def __init__(self, database: SqliteDatabase, left: int) -> None:
        self.store = database.store
        self.guard = database.guard
        self._database = database
        self.left = left

    async def alone(self, work: Callable[[int], T]) -> T:
        if self.left == 0:
            raise Died
        self.left -= 1
        return await self._database.alone(work)


async def _advances(d: Engine, left: int) -> bool:
    """Whether the run came to its end before the process died."""
    saver = d.segments.checkpoints
    assert isinstance(saver, SqliteCheckpoints)
    alive = saver._database
    saver._database = Dying(alive, left)  # type: ignore[assignment]
    try:
        await d.segments.advance("r1")
    except Died:
        return False
    finally:
        saver._database = alive  # what is left of the process closes its files
    return True


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["demo", ""])
async def test_wherever_it_dies_every_phase_is_gone_through(tmp_path: Path, policy: str) -> None:
    left, ended = 0, False
    while not ended:
        team = Team(tmp_path / str(left), flow=flow(phase("first"), phase("second", effects=["shake"])))
        async with engine(team) as d:
            await d.start(policy)
            ended = await _advances(d, left)
        for _ in range(1 + 2 * (not policy)):
            async with engine(team) as d:
                if await d.segments.advance("r1") is RunStatus.waiting:
                    await d.decide(DecisionKind.approve, await d.open_gate())
        async with engine(team) as d:
            run = await d.ledger.run("r1")
            assert run.status is RunStatus.released, left
            decided = f"decision:first/1/{f'policy:{policy}' if policy else 'ada'}"
            assert {event.key for event in await d.ledger.events("r1")} >= {*_KEYS, decided}, left
        left += 1
    assert left > 20


@pytest.mark.parametrize("nth", range(20))
async def test_a_run_of_which_half_a_write_is_stored_is_never_released(tmp_path: Path, nth: int) -> None:
    rows = {"checks": ["content", "more"], "reviews": [{"role": "reader", "checks": ["content"]}]}
    team = Team(tmp_path, flow=flow(phase("first", **rows), phase("second", effects=["shake"], **rows)))
    team.checks["more"] = team.checks["content"]
    async with engine(team) as d:
        await d.start("demo")
        whole = await _loses_the_rest(d, nth)
    async with engine(team) as d:
        with suppress(PhasegateError):
            await d.segments.advance("r1")
        run = await d.ledger.run("r1")
        keys = {event.key for event in await d.ledger.events("r1")}
    went_out = run.status is RunStatus.released or "effect:second/shake" in keys
    assert whole or not went_out or keys >= {"decision:first/1/policy:demo", "decision:second/1/policy:demo"}


async def _loses_the_rest(d: Engine, nth: int) -> bool:
    """Stores the first half of the n-th task's writes, and nothing after it; True where there was no such task."""
    saver, done = d.segments.checkpoints, 0
    assert isinstance(saver, SqliteCheckpoints)
    put_writes, put = saver.put_writes, saver.put

    def cut(config: RunnableConfig, writes: Sequence[tuple[str, Any]], task: str, path: str = "") -> None:
        nonlocal done
        done += 1
        if done > nth:
            put_writes(config, list(writes)[: len(writes) // 2] if done == nth + 1 else [], task, path)
            raise Died
        put_writes(config, writes, task, path)

    def put_none(*words: Any) -> RunnableConfig:
        if done > nth:
            raise Died
        return put(*words)

    saver.put_writes, saver.put = cut, put_none  # type: ignore[method-assign, assignment]
    try:
        await d.segments.advance("r1")
    except Died:
        return False
    finally:
        saver.put_writes, saver.put = put_writes, put  # type: ignore[method-assign]
    return True
