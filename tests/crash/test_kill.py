"""kill -9 at every step: another worker goes on, and nobody could tell from what is there at the end."""

import asyncio
import base64
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from crash.fixtures import DECIDED_POINTS, PERSON_POINTS, POINTS, UNDISTURBED, Marks, marks, team, until
from phasegate.core import Held
from phasegate.ledger import DecisionKind, Entry, GateStatus, RunStatus
from phasegate.ledger.events import DecisionTaken
from phasegate.store import Database
from phasegate.store.sqlite import SqliteStore
from phasegate.workflow.engine import read_leases
from unit.ledger.chain_check import first_break
from unit.workflow.fixtures import Engine, engine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
TESTS = Path(__file__).parents[1]
STOPS = 2


@contextmanager
def worker(folder: Path, stops: int = STOPS) -> Iterator[subprocess.Popen[str]]:
    """A worker process; killed at the end, where it is still there."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    command = [sys.executable, "-W", "ignore", "-m", "crash.worker", str(folder), str(stops)]
    process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


@asynccontextmanager
async def manager(folder: Path, stops: int = STOPS) -> AsyncIterator[tuple[Engine, Marks]]:
    """Who starts runs and decides, and runs nothing."""
    found = marks(folder, stops)
    async with engine(team(folder, found)) as d:
        yield d, found


async def _approve_all(d: Engine) -> None:
    for gate in await d.ledger.gates(status=GateStatus.open):
        await d.decide(DecisionKind.approve, gate)


async def _ended(d: Engine, count: int) -> bool:
    await _approve_all(d)
    return sum(run.status.ended for run in await d.ledger.runs()) == count


async def _reached(d: Engine, found: Marks, time: int) -> bool:
    for gate in await d.ledger.gates(status=GateStatus.open):
        if gate.key.run in DECIDED_POINTS:
            await d.decide(DecisionKind.approve, gate)
    missing = {f"{point}.{time}" for point in POINTS} - found.made("reached")
    return not missing and (await d.ledger.run(UNDISTURBED)).status.ended


async def test_a_worker_killed_twice_at_every_step_leaves_what_an_undisturbed_run_leaves(tmp_path: Path) -> None:
    async with manager(tmp_path) as (d, found):
        for run in (UNDISTURBED, *POINTS):
            await d.start("" if run in (*PERSON_POINTS, *DECIDED_POINTS) else "demo", run)
        for time in range(STOPS):
            with worker(tmp_path) as process:
                await until("all stand at their point", lambda time=time: _reached(d, found, time))  # type: ignore[misc]
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
        with worker(tmp_path):
            await until("all have ended", lambda: _ended(d, len(POINTS) + 1))
        for run in (UNDISTURBED, *POINTS):
            await _holds(d, found, run)
        assert found.made("overlaps") == set()
        assert found.made("done") == {f"{run}.{name}" for run in (UNDISTURBED, *POINTS) for name in ("shake", "tell")}


def _told(entry: Entry) -> str:
    """Return the event's key, without who decided: a policy does so in some runs and a person in others."""
    decided = isinstance(entry.event, DecisionTaken)
    return entry.key.rpartition("/")[0] if decided else entry.key


async def _holds(d: Engine, found: Marks, run: str) -> None:
    assert (await d.ledger.run(run)).status is RunStatus.released, run
    assert await _tree(d, run) == await _tree(d, UNDISTURBED), run
    events = await d.ledger.events(run)
    assert first_break(events, d.ledger.key) == 0, run
    assert set(map(_told, events)) == set(map(_told, await d.ledger.events(UNDISTURBED))), run
    calls = {
        name: found.calls(f"{run}.{name}")
        for name in ("draft-first-text", "draft-first-picture", "draft-second-text", "effect-shake", "effect-tell")
    }
    again = {"in-draft": "draft-first-text", "after-draft": "draft-first-text", "in-effect": "effect-shake"}
    assert calls == {name: 1 + STOPS * (again.get(run) == name) for name in calls}, run


async def _tree(d: Engine, run: str) -> str:
    return (await d.ledger.gates(run))[-1].tree


def _rows(connection: sa.Connection) -> int:
    return int(connection.exec_driver_sql("select count(*) from workflow_status").scalar_one())


async def test_two_workers_share_what_there_is_to_do(tmp_path: Path) -> None:
    runs = [f"r{number}" for number in range(12)]
    async with manager(tmp_path) as (d, found):
        with worker(tmp_path), worker(tmp_path):
            for run in runs:
                await d.start("demo", run)
            await until("all have ended", lambda: _ended(d, len(runs)))
        assert found.made("overlaps") == set()
        assert found.made("done") == {f"{run}.{name}" for run in runs for name in ("shake", "tell")}
        for run in runs:
            assert found.calls(f"{run}.draft-first-text") == 1
            assert await _tree(d, run) == await _tree(d, runs[0])


async def test_a_worker_that_lives_is_not_robbed_and_one_that_stops_is_followed(tmp_path: Path) -> None:
    async with manager(tmp_path, 1) as (d, found):
        await d.start("demo", "in-draft")
        with worker(tmp_path, 1) as first:
            await until("it stands", lambda: _made(found, "in-draft.0"))
            holder = await asyncio.to_thread(d.queue.holder, "in-draft")
            assert holder
            assert await _is_live(d, holder)
            with worker(tmp_path, 1) as second:
                assert second.stdout
                await asyncio.to_thread(second.stdout.readline)
                for run in ("r1", "r2"):  # so that it has looked for dead workers, and worked
                    await d.start("demo", run)
                await until("the others have ended", lambda: _ended(d, 2))
                assert await asyncio.to_thread(d.queue.holder, "in-draft") == holder
                assert found.calls("in-draft.draft-first-text") == 1
                first.send_signal(signal.SIGTERM)
                assert await asyncio.to_thread(first.wait, 30) == 0
                assert not await _is_live(d, holder)
                await until("it was taken over", lambda: _ended(d, 3))
        assert found.made("overlaps") == set()
        assert found.calls("in-draft.draft-first-text") == 2
        assert (await d.ledger.run("in-draft")).status is RunStatus.released


async def test_a_worker_that_was_suspended_writes_nothing_more_and_ends(tmp_path: Path) -> None:
    async with manager(tmp_path, 1) as (d, found):
        for run in (UNDISTURBED, *POINTS):
            await d.start("" if run in (*PERSON_POINTS, *DECIDED_POINTS) else "demo", run)
        with worker(tmp_path, 1) as first:
            await until("all stand at their point", lambda: _reached(d, found, 0))
            database = await SqliteStore(d.team.database).open()
            # while the lock is ours, so that it is not suspended with the lock in its hands
            await database.write(lambda _: os.kill(first.pid, signal.SIGSTOP))
            await database.close()
            with worker(tmp_path, 1):
                await until("all have ended", lambda: _ended(d, len(POINTS) + 1), seconds=120)
                told = {run: await d.ledger.events(run) for run in POINTS}
                found.go_on()
                first.send_signal(signal.SIGCONT)
                assert await asyncio.to_thread(first.wait, 60) == Held.exit_code
        assert {run: await d.ledger.events(run) for run in POINTS} == told
        for run in POINTS:
            # an author may be asked once more by who was suspended, and nothing comes of it; an effect may not
            assert await _tree(d, run) == await _tree(d, UNDISTURBED), run
            calls = [found.calls(f"{run}.effect-{name}") for name in ("shake", "tell")]
            assert calls == [1 + (run == "in-effect"), 1], run


async def _is_live(d: Engine, executor: str) -> bool:
    database = await SqliteStore(d.team.database).open()
    try:
        return any(lease.live for lease in await database.read(read_leases) if lease.executor == executor)
    finally:
        await database.close()


async def _made(found: Marks, name: str) -> bool:
    return name in found.made("reached")


async def _parked(d: Engine, run: str) -> bool:
    return (await d.ledger.run(run)).status is RunStatus.parked


async def _one_row(database: Database) -> bool:
    return await database.read(_rows) == 1


async def test_a_worker_that_cannot_build_its_parts_parks_the_run_with_a_reason(tmp_path: Path) -> None:
    async with manager(tmp_path, 0) as (d, _):
        await d.start("demo", "r1")
        with worker(tmp_path, -1):
            await until("it is parked", lambda: _parked(d, "r1"))
        run = await d.ledger.run("r1")
        assert run.note == "there is no sandbox\ninstall bubblewrap"
        await d.ledger.redispatch("r1", d.queue.dispatch)
        database = await SqliteStore(d.team.database).open()
        with worker(tmp_path, 0):
            await until("it has ended", lambda: _ended(d, 1))
            await until("its first segment is forgotten", lambda: _one_row(database))
        await database.close()


async def test_a_row_that_names_pickle_runs_nothing_and_the_worker_lives_on(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    async with manager(tmp_path) as (d, _):
        await d.start("demo", "r1")
        evil = base64.b64encode(pickle.dumps(Touch(ran))).decode()
        change = "update workflow_status set serialization = 'py_pickle', inputs = ?"
        await asyncio.to_thread(_execute, d.team.database, change, evil)
        with worker(tmp_path):
            await until("it stands", lambda: _is(d, "r1", RunStatus.parked))
            await d.start("demo", "r2")
            await until("another ends", lambda: _is(d, "r2", RunStatus.released))
            await d.ledger.redispatch("r1", d.queue.dispatch)
            await until("it ends", lambda: _is(d, "r1", RunStatus.released))
    assert not ran.exists()


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


def _execute(path: Path, statement: str, value: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement, (value,))
        connection.commit()


async def _is(d: Engine, run: str, status: RunStatus) -> bool:
    return (await d.ledger.run(run)).status is status
