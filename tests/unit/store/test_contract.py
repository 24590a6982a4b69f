"""What every store must do, whatever database it is: a new one adds its address to `ADDRESSES` and passes all of it."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from phasegate.core import InvalidInput, Lost, PhasegateError
from phasegate.store import (
    DEFAULT,
    Database,
    Execute,
    Statement,
    Store,
    insert_new,
    insert_or_update,
    locate,
    locked,
    now_ms,
)
from phasegate.store.schema import backlog, events
from phasegate.workflow.engine import Fence, Queue, begin, read_leases, take_over

ADDRESSES = [DEFAULT]
_HOLDER = """
import sys, time
from pathlib import Path
from phasegate.store import locate
held = locate(Path(sys.argv[1]), sys.argv[2]).try_lock("leader")
print("held" if held else "refused", flush=True)
time.sleep(60)
"""
_ADD = Statement(backlog.insert())
_RANK = Statement(sa.select(backlog.c.rank).where(backlog.c.spec == sa.bindparam("of")))


@pytest.fixture(params=ADDRESSES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return locate(tmp_path / "state", request.param)


@pytest.fixture
async def database(store: Store) -> AsyncIterator[Database]:
    opened = await store.open()
    yield opened
    await opened.close()


def _add(connection: sa.Connection, spec: str = "a", rank: int = 1) -> None:
    _ADD(connection, spec=spec, rank=rank)


def _execute(connection: sa.Connection, clause: sa.Executable) -> None:
    connection.execute(clause)


def _ranks(connection: sa.Connection) -> dict[str, int]:
    return {row.spec: row.rank for row in connection.execute(sa.select(backlog).order_by(backlog.c.spec))}


def _raise_one(connection: sa.Connection) -> None:
    rank = _RANK(connection, of="a").fetchone()["rank"]
    connection.execute(backlog.update().where(backlog.c.spec == "a").values(rank=rank + 1))


async def test_one_that_is_not_there_is_made_once_by_many_who_open_it(store: Store) -> None:
    assert not store.exists()
    assert not store.is_database()
    opened = await asyncio.gather(*(store.open() for _ in range(4)))
    assert store.exists()
    assert store.is_database()
    assert store.fault() == ""
    for each in opened:
        await each.close()


async def test_one_that_a_newer_phasegate_made_is_left_alone(store: Store, database: Database) -> None:
    await database.write(_execute, sa.text("update alembic_version set version_num = '9999'"))
    with pytest.raises(InvalidInput, match="newer Phasegate"):
        await store.open()


async def test_who_read_and_then_write_lose_nothing(store: Store, database: Database) -> None:
    other = await store.open()
    await database.write(_add, rank=0)
    await asyncio.gather(*(each.write(_raise_one) for each in (database, other) for _ in range(5)))
    assert await database.read(_ranks) == {"a": 10}
    await other.close()


async def test_writes_of_a_thread_of_its_own_come_between_none(store: Store, database: Database) -> None:
    await database.write(_add, rank=0)
    engine = store.engine()

    def beats() -> None:
        for _ in range(5):
            with engine.begin() as connection:
                _raise_one(connection)

    await asyncio.gather(asyncio.to_thread(beats), *(database.write(_raise_one) for _ in range(5)))
    engine.dispose()
    assert await database.read(_ranks) == {"a": 10}


async def test_what_raises_stores_nothing(database: Database) -> None:
    def fails(connection: sa.Connection) -> None:
        _add(connection)
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(fails)
    assert await database.read(_ranks) == {}


async def test_a_statement_that_is_wrong_is_not_blamed_on_the_database(database: Database) -> None:
    await database.write(_add)
    with pytest.raises(sa.exc.IntegrityError):
        await database.write(_execute, backlog.insert().values(spec="a", rank=2))


async def test_a_reader_sees_one_state_to_its_end(database: Database) -> None:
    await database.write(_add)
    began, written = threading.Event(), threading.Event()

    def reads(connection: sa.Connection) -> list[dict[str, int]]:
        first = _ranks(connection)
        began.set()
        assert written.wait(30)
        return [first, _ranks(connection)]

    task = asyncio.create_task(database.read(reads))
    await asyncio.to_thread(began.wait, 30)
    await database.write(_raise_one)
    written.set()
    assert await task == [{"a": 1}, {"a": 1}]
    assert await database.read(_ranks) == {"a": 2}


async def test_a_guard_that_refuses_keeps_rows_and_checkpoints_out(store: Store, database: Database) -> None:
    await database.write(_add)

    def guard(execute: Execute) -> None:
        if execute(_RANK, of="a").fetchone()["rank"] != 1:
            raise Lost("taken over", fix="start it again")

    guarded = await store.open(guard)
    checkpoints = guarded.checkpoints()
    await guarded.write(_add, "b")
    await checkpoints.saver.aput(_thread("r1"), empty_checkpoint(), {}, {})
    await database.write(_raise_one)
    with pytest.raises(Lost):
        await guarded.write(_add, "c")
    with pytest.raises(Lost):
        await checkpoints.saver.aput(_thread("r2"), empty_checkpoint(), {}, {})
    assert await guarded.read(_ranks) == {"a": 2, "b": 1}
    assert await checkpoints.saver.aget_tuple(_thread("r1"))
    assert await checkpoints.saver.aget_tuple(_thread("r2")) is None
    await checkpoints.close()
    await guarded.close()


async def test_a_worker_that_was_taken_over_cannot_write(store: Store, database: Database) -> None:
    await database.write(begin, "me")
    mine = await store.open(Fence(executor="me"))
    await mine.write(_add)
    (lease,) = await database.read(read_leases)
    assert await database.write(take_over, lease)
    assert not await database.write(take_over, lease)
    with pytest.raises(Lost):
        await mine.write(_add, "b")
    await mine.close()


async def test_rows_of_a_statement_are_read_by_name(database: Database) -> None:
    change = Statement(backlog.update().where(backlog.c.rank == 1).values(rank=sa.bindparam("to")))

    def work(connection: sa.Connection) -> list[Any]:
        _add(connection)
        row = _RANK(connection, of="a").fetchone()
        assert list(row.keys()) == ["rank"]
        return [row["rank"], change(connection, to=5).rowcount, change(connection, to=6).rowcount]

    assert await database.write(work) == [1, 1, 0]
    assert await database.read(lambda c: _RANK(c, of="a").fetchall()[0]["rank"]) == 5
    assert await database.read(lambda c: _RANK(c, of="b").fetchone()) is None


async def test_an_insert_meets_a_row_of_its_key_and_no_other(database: Database) -> None:
    event = {"run": "r", "seq": 1, "version": 1, "key": "k", "at": 0, "body": "", "before": b"", "signature": b""}

    def work(connection: sa.Connection) -> list[int]:
        new = Statement(insert_new(events, ["run", "key"]))
        return [new(connection, **event).rowcount, new(connection, **{**event, "seq": 2}).rowcount]

    assert await database.write(work) == [1, 0]
    with pytest.raises(Exception, match=r"(?i)unique"):
        await database.write(lambda c: Statement(insert_new(events, ["run", "key"]))(c, **{**event, "key": "other"}))
    for rank in (1, 7):
        again = insert_or_update(backlog, ["spec"], ["rank"]).values(spec="a", rank=rank)
        await database.write(_execute, again)
    assert await database.read(_ranks) == {"a": 7}


async def test_the_clock_is_the_databases_and_moves_within_a_transaction(database: Database) -> None:
    def twice(connection: sa.Connection) -> list[int]:
        first = connection.execute(sa.select(now_ms())).scalar_one()
        later = first
        while later == first:
            later = connection.execute(sa.select(now_ms())).scalar_one()
        return [first, later]

    first, later = await database.read(twice)
    assert isinstance(first, int)
    assert first < later


async def test_commits_of_others_are_noticed_once(store: Store, database: Database) -> None:
    changes = store.changes()
    assert [changes.any(), changes.any()] == [True, False]
    await database.write(_add)
    assert [changes.any(), changes.any()] == [True, False]
    changes.close()


async def test_a_named_lock_has_one_holder(store: Store, database: Database) -> None:
    held, other = store.try_lock("leader"), store.try_lock("backlog")
    assert held
    assert other
    assert store.try_lock("leader") is None
    waits = asyncio.create_task(_lock(store))
    await asyncio.sleep(0)
    assert not waits.done()
    held.close()
    await waits
    again = store.try_lock("leader")
    assert again
    again.close()
    other.close()


async def _lock(store: Store) -> None:
    async with locked(store, "leader"):
        pass


@pytest.mark.parametrize("address", ADDRESSES)
async def test_a_named_lock_goes_with_its_process(tmp_path: Path, address: str) -> None:
    store = locate(tmp_path / "state", address)
    await (await store.open()).close()
    words = [sys.executable, "-c", _HOLDER, str(tmp_path / "state"), address]
    process = await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE)
    assert process.stdout
    assert await process.stdout.readline() == b"held\n"
    assert store.try_lock("leader") is None
    process.kill()
    await process.communicate()
    await asyncio.wait_for(_lock(store), 30)


class _State(TypedDict):
    said: str


def _thread(run: str) -> RunnableConfig:
    return {"configurable": {"thread_id": run, "checkpoint_ns": ""}}


async def test_a_graph_goes_on_from_checkpoints_of_which_the_old_were_forgotten(store: Store) -> None:
    graph = StateGraph(_State)
    graph.add_node("first", lambda state: {"said": "first"})
    graph.add_node("gate", lambda state: {"said": f"{state['said']} {interrupt('well?')}"})
    graph.add_edge(START, "first")
    graph.add_edge("first", "gate")
    graph.add_edge("gate", END)
    for wanted in ({"said": "first"}, {"said": "first yes"}):
        database = await store.open()  # as another process does
        checkpoints = database.checkpoints()
        built = graph.compile(checkpoints.saver)
        found = await built.ainvoke(
            Command(resume="yes") if "yes" in wanted["said"] else {"said": ""}, _thread("r1"), durability="sync"
        )
        assert found["said"] == wanted["said"]
        older = (await built.aget_state(_thread("r1"))).parent_config
        assert older
        assert await checkpoints.saver.aget_tuple(older)
        await checkpoints.forget("r1", [""])
        assert await checkpoints.saver.aget_tuple(older) is None
        await checkpoints.close()
        await database.close()


async def test_a_checkpoint_of_another_kind_is_not_read(database: Database) -> None:
    checkpoints = database.checkpoints()
    with pytest.raises(PhasegateError, match="stored as 'json'"):
        checkpoints.saver.serde.loads_typed(("json", b"{}"))
    await checkpoints.close()


async def test_a_segment_waits_from_the_commit_of_its_transaction_on(store: Store, database: Database) -> None:
    queue = await Queue.open(store)

    def fails(connection: sa.Connection) -> None:
        queue.dispatch(connection, "r1", 1)
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(fails)
    assert not queue.any_waits()
    await database.write(queue.dispatch, "r1", 1)
    assert queue.any_waits()
    assert queue.goes_on("r1")
    assert not queue.goes_on("r2")
    assert queue.held() == {}
    assert queue.foreign() == []
    await database.write(_take, "me")
    assert queue.holder("r1") == "me"
    assert not queue.send_on("r1:1", "another")
    assert queue.send_on("r1:1", "me")
    assert queue.held() == {}
    await database.write(_take, "me", status="SUCCESS")
    queue.forget("r1", 1)
    assert not queue.goes_on("r1")
    queue.close()


def _take(connection: sa.Connection, executor: str, status: str = "PENDING") -> None:
    connection.execute(
        sa.text("update workflow_status set status = :status, executor_id = :executor"),
        {"status": status, "executor": executor},
    )


async def test_a_row_of_the_queue_that_another_serializer_wrote_is_foreign(store: Store, database: Database) -> None:
    queue = await Queue.open(store)
    for number in (1, 2, 3):
        await database.write(queue.dispatch, "r1", number)
    for change in ("serialization = null where workflow_uuid = 'r1:1'", "name = 'other' where workflow_uuid = 'r1:2'"):
        await database.write(_execute, sa.text(f"update workflow_status set {change}"))
    assert sorted(queue.foreign()) == [("r1:1", "none"), ("r1:2", "portable_json")]
    queue.close()


async def test_a_backup_holds_what_was_committed(store: Store, database: Database, tmp_path: Path) -> None:
    await database.write(_add)
    assert store.back_up(tmp_path / "copy", _ranks) == {"a": 1}
    there = {file.name: file.stat() for file in os.scandir(tmp_path) if file.name.startswith("copy")}
    assert there.keys() == {"copy"}
    assert there["copy"].st_size
    assert there["copy"].st_mode & 0o077 == 0


async def test_what_is_put_aside_is_begun_anew(store: Store) -> None:
    opened = await store.open()
    await opened.write(_add)
    await opened.close()
    left = store.put_aside()
    assert left
    assert all(file.exists() for file in left)
    assert not store.exists()
    opened = await store.open()
    assert await opened.read(_ranks) == {}
    await opened.close()


async def test_nothing_is_left_to_put_aside_of_what_never_was(store: Store) -> None:
    assert store.put_aside() == []


@pytest.mark.parametrize("address", ["", "sqlite://", "mysql://host/base", "phasegate.db", "postgresql://host/base"])
def test_an_address_of_no_store_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(InvalidInput, match="no address of a database"):
        locate(tmp_path, address)


def test_an_address_may_name_a_file_elsewhere(tmp_path: Path) -> None:
    assert locate(tmp_path, f"sqlite:///{tmp_path}/there.db").name == f"{tmp_path}/there.db"
    assert locate(tmp_path).name == f"{tmp_path}/phasegate.db"
