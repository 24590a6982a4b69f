"""What of a run is kept between segments, and that loading it runs nothing."""

import asyncio
import os
import pickle
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from phasegate.core import Finding, PhasegateError, Severity
from phasegate.ledger import DecisionKind, RunStatus
from phasegate.store.sqlite import SqliteStore
from phasegate.store.sqlite.checkpoints import SqliteCheckpoints
from phasegate.workflow import RunState
from unit.workflow.fixtures import Team, engine, flow, phase


@pytest.fixture
async def serializer(tmp_path: Path) -> JsonPlusSerializer:
    database = await SqliteStore(tmp_path / "p.db").open()
    saver = SqliteCheckpoints(database)
    serde = saver.serde
    await saver.close()
    await database.close()
    assert isinstance(serde, JsonPlusSerializer)
    return serde


def test_the_state_is_read_back_as_it_was(serializer: JsonPlusSerializer) -> None:
    state = RunState(
        run="r1",
        flow="0123456789abcdef",
        base="0" * 40,
        commit="1" * 40,
        since="0" * 40,
        phase="build",
        attempt=2,
        round=3,
        drafts={"code": "2" * 40},
        blocking={"check-tests": "2"},
        outcome="drafted",
    )
    kind, content = serializer.dumps_typed(state)
    assert serializer.loads_typed((kind, content)) == state
    assert len(content) < 500


def test_objects_are_not_made_of_what_is_read(serializer: JsonPlusSerializer) -> None:
    found = Finding(check="a", rule="b", severity=Severity.low, path="p", message="m")
    assert not isinstance(serializer.loads_typed(JsonPlusSerializer().dumps_typed(found)), Finding)


async def test_what_a_task_wrote_is_stored_whole_or_not_at_all(tmp_path: Path) -> None:
    database = await SqliteStore(tmp_path / "p.db").open()
    saver = SqliteCheckpoints(database)
    saver.setup()
    fails = "create trigger cut before insert on writes when new.idx = 2 begin select raise(fail, 'cut off here'); end"
    saver.conn.execute(fails)
    place: RunnableConfig = {"configurable": {"thread_id": "r1", "checkpoint_ns": "", "checkpoint_id": "1"}}
    with pytest.raises(sqlite3.IntegrityError, match="cut off"):
        await saver.aput_writes(place, [("a", 1), ("b", 2), ("c", 3), ("d", 4)], "task")
    (stored,) = saver.conn.execute("select count(*) from writes").fetchone()
    await saver.aput_writes(place, [("a", 1), ("b", 2)], "task")
    (after,) = saver.conn.execute("select count(*) from writes").fetchone()
    await saver.close()
    await database.close()
    assert (stored, after) == (0, 2)


class _Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("ran",)


def test_code_in_a_checkpoint_does_not_run(
    serializer: JsonPlusSerializer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PhasegateError, match="stored as 'pickle'"):
        serializer.loads_typed(("pickle", pickle.dumps(_Runs())))
    assert not (tmp_path / "ran").exists()


def _kept(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("select checkpoint_ns, count(*) from checkpoints where thread_id = 'r1' group by 1")
        return {name.partition(":")[0]: count for name, count in rows}


async def test_a_parked_run_keeps_the_newest_checkpoint_of_its_own_and_of_its_phases_and_resumes(
    tmp_path: Path,
) -> None:
    drafted: list[str] = []
    team = Team(tmp_path, flow=flow(phase("first"), phase("second"), phase("third")))
    write = team.author

    async def author(brief: object) -> object:
        drafted.append(getattr(brief, "phase", ""))
        return await write(brief)  # type: ignore[arg-type]

    team.author = author  # type: ignore[assignment]
    for name in ("first", "second", "third"):
        async with engine(team) as d:  # a new process, as far as the run can tell
            if name == "first":
                await d.start()
            assert await d.segments.advance("r1") is RunStatus.waiting
            assert _kept(team.database) == {"": 1, name: 1}
            await d.decide(DecisionKind.approve, await d.open_gate())
    async with engine(team) as d:
        assert await d.segments.advance("r1") is RunStatus.released
    assert _kept(team.database) == {"": 1}
    assert drafted == ["first", "second", "third"]


async def test_what_one_run_leaves_behind_is_not_anothers(tmp_path: Path) -> None:
    async with engine(Team(tmp_path)) as d:
        await d.segments.advance(await d.start("", "r1"))
        await d.segments.advance(await d.start("demo", "r2"))
        assert _kept(d.team.database) == {"": 1, "first": 1}


async def test_a_parked_run_is_some_kilobytes_of_checkpoints(tmp_path: Path) -> None:
    async with engine(Team(tmp_path)) as d:
        await d.segments.advance(await d.start())
        with closing(sqlite3.connect(d.team.database)) as connection:
            sizes = [
                connection.execute(f"select sum(length({column})) from {table}").fetchone()[0]
                for table, column in (("checkpoints", "checkpoint"), ("checkpoints", "metadata"), ("writes", "value"))
            ]
        assert sum(size or 0 for size in sizes) < 8_000


async def test_closing_waits_for_what_was_begun(tmp_path: Path) -> None:
    database = await SqliteStore(tmp_path / "p.db").open()
    saver, began, ended = SqliteCheckpoints(database), threading.Event(), []

    def works(busy_ms: int) -> None:
        saver.conn.execute(f"pragma busy_timeout={busy_ms}")
        saver.conn.execute("begin immediate")
        began.set()
        time.sleep(0.1)
        ended.append(saver.conn.execute("select 1").fetchone()[0])
        saver.conn.rollback()

    with closing(sqlite3.connect(database.store.path, isolation_level=None)) as holder:
        holder.execute("begin immediate")  # so that it is not done at once
        task = asyncio.create_task(database.alone(works))
        await asyncio.sleep(0.01)
    await asyncio.to_thread(began.wait)
    await saver.close()
    assert ended == [1]
    await task
    await database.close()
