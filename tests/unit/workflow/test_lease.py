"""Leases: who lives, who takes over, and that who lost one writes nothing more."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from phasegate.authors import Brief, Draft
from phasegate.core import Exhausted, Lost, PhasegateError, host, process_start
from phasegate.ledger import RunStatus
from phasegate.store.schema import workers
from phasegate.store.sqlite import SqliteStore
from phasegate.workflow import branch
from phasegate.workflow.engine import lease as leases
from phasegate.workflow.engine.lease import Fence, Lease, Watch
from phasegate.workflow.engine.lease_keeper import LeaseKeeper
from unit.workflow.fixtures import Engine, Team, engine, write_item


def lease(**changed: Any) -> Lease:
    own: dict[str, Any] = {
        "executor": "1-abc",
        "role": None,
        "host": host(),
        "pid": os.getpid(),
        "born": process_start(os.getpid()),
        "epoch": 1,
        "beat": 5,
        "age": 0.5,
        "works": (),
    }
    return Lease(**{**own, **changed})


@pytest.mark.parametrize(
    ("changed", "live"),
    [
        ({}, True),
        ({"age": 9.0}, True),
        ({"age": 11.0}, False),  # silent
        ({"age": -86_400.0}, False),  # a clock is wrong
        ({"born": "1"}, False),  # another process has its number
        ({"host": "other"}, True),
        ({"host": "other", "born": "1"}, True),  # its process cannot be looked at from here
        ({"epoch": 2}, False),  # taken over
        ({"beat": 0, "age": 30.0}, True),  # being started
        ({"beat": 0, "age": 61.0}, False),
    ],
)
def test_one_look_tells_who_seems_to_live(changed: dict[str, Any], live: bool) -> None:
    assert lease(**changed).live is live


def test_a_process_that_has_ended_is_gone_though_nobody_has_waited_for_it() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        found = lease(pid=process.pid, born=process_start(process.pid))
        assert not found.gone
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert found.gone


def test_a_lease_is_over_when_its_beats_stand_still_and_not_when_it_only_looks_old() -> None:
    watch, old = Watch(), {"age": 1_296_000.0, "host": "other"}
    assert not watch.is_over(lease(beat=5, **old), 0.0001)
    assert not watch.is_over(lease(beat=6, **old), 0.0001)
    while not watch.is_over(lease(beat=6, **old), 0.0001):
        pass
    assert not watch.is_over(lease(beat=7, **old), 0.0001)


class Place:
    """A database with a keeper of a worker's lease."""

    def __init__(self, d: Engine) -> None:
        self.desk = d
        self.at_work: set[str] = set()
        self.told: list[PhasegateError] = []
        self.work_tree = d.team.database.parent.parent / "work-tree"
        self.work_tree.mkdir()
        self.keeper = self.another("me")
        self.keeper.claim()

    def another(self, executor: str) -> LeaseKeeper:
        return LeaseKeeper(
            executor=executor,
            store=SqliteStore(self.desk.team.database),
            work_tree=self.work_tree,
            queue=self.desk.queue,
            at_work=self.at_work,
            system=self.desk.team.system,
            lost=self.told.append,
        )

    def sql(self, text: str) -> list[Any]:
        engine = SqliteStore(self.desk.team.database).engine()
        with engine.begin() as connection:
            result = connection.exec_driver_sql(text)
            found = list(result) if result.returns_rows else []
        engine.dispose()
        return found

    def holds(self, segment: str, executor: str) -> None:
        held = f"status = 'PENDING', executor_id = '{executor}'"
        self.sql(f"update workflow_status set {held} where workflow_uuid = '{segment}'")


@pytest.fixture
def closing() -> Iterator[list[LeaseKeeper]]:
    opened: list[LeaseKeeper] = []
    yield opened
    for keeper in opened:
        keeper.close()


async def test_what_is_held_and_not_worked_on_waits_again_at_the_second_look(
    tmp_path: Path, closing: list[LeaseKeeper]
) -> None:
    async with engine(Team(tmp_path)) as d:
        place = Place(d)
        closing.append(place.keeper)
        for run in ("r1", "r2"):
            await d.start(run_id=run)
            place.holds(f"{run}:1", "me")
        place.at_work.add("r2")
        place.keeper.step()
        assert d.queue.held() == {"r1:1": "me", "r2:1": "me"}  # it may only just have been taken
        place.keeper.step()
        assert d.queue.held() == {"r2:1": "me"}


async def test_what_a_worker_that_is_gone_held_waits_again_and_its_lease_is_taken(
    tmp_path: Path, closing: list[LeaseKeeper]
) -> None:
    async with engine(Team(tmp_path)) as d:
        place = Place(d)
        closing.append(place.keeper)
        other = place.another("other")
        closing.append(other)
        other.claim()
        await d.start()
        place.holds("r1:1", "other")
        place.keeper.step()
        assert d.queue.held() == {"r1:1": "other"}  # it lives
        place.sql("update workers set born = '1' where executor = 'other'")
        place.keeper.step()
        assert d.queue.held() == {}
        with pytest.raises(Lost):
            other.step()


async def test_the_standing_role_is_one_workers(tmp_path: Path, closing: list[LeaseKeeper]) -> None:
    async with engine(Team(tmp_path)) as d:
        place = Place(d)
        second = place.another("second")
        closing += [place.keeper, second]
        second.claim()
        roles = "select executor, role from workers order by executor"
        assert place.sql(roles) == [("me", "standing"), ("second", None)]
        place.sql("update workers set born = '1' where executor = 'me'")
        third = place.another("third")
        closing.append(third)
        third.claim()
        assert place.sql(roles) == [("me", None), ("second", None), ("third", "standing")]


@pytest.mark.parametrize("change", ["removed", "replaced"])
async def test_a_worker_whose_file_is_not_there_any_more_ends(
    tmp_path: Path, closing: list[LeaseKeeper], change: str
) -> None:
    async with engine(Team(tmp_path)) as d:
        place = Place(d)
        closing.append(place.keeper)
        path = d.team.database
        copy = path.read_bytes()
        path.rename(path.with_suffix(".old"))
        if change == "replaced":
            path.write_bytes(copy)
        with pytest.raises(Exhausted, match="moved, removed or replaced") as error:
            place.keeper.step()
        assert error.value.fix
        path.unlink(missing_ok=True)
        path.with_suffix(".old").rename(path)


async def test_a_worker_whose_work_tree_is_gone_ends(tmp_path: Path, closing: list[LeaseKeeper]) -> None:
    async with engine(Team(tmp_path)) as d:
        place = Place(d)
        closing.append(place.keeper)
        place.work_tree.rmdir()
        with pytest.raises(Exhausted, match="work-tree' was removed while"):
            place.keeper.step()


async def test_a_run_that_was_taken_over_meanwhile_leaves_no_trace(tmp_path: Path) -> None:
    async def author(brief: Brief) -> Draft:
        database = await SqliteStore(tmp_path / ".phasegate" / "phasegate.db").open()
        await database.write(_take)
        await database.close()
        return await write_item(brief)

    team = Team(tmp_path, author=author)
    async with engine(team) as d:
        database = await SqliteStore(team.database).open()
        await database.write(leases.begin, "me")
        await database.close()
        run = await d.start()
    async with engine(team, Fence(executor="me")) as d:
        with pytest.raises(Lost):
            await d.segments.advance(run)
        keys = [event.key for event in await d.ledger.events(run)]
        assert keys == ["run", "phase:first/1/1"]
        assert d.workspace.tip(branch(run)) == ""
        assert (await d.ledger.run(run)).status is RunStatus.working
        for write in (d.ledger.confirm, lambda: d.ledger.set_status(run, RunStatus.parked)):
            with pytest.raises(Lost):
                await write()


def _take(connection: sa.Connection) -> None:
    (found,) = leases.read_leases(connection)
    assert leases.take_over(connection, found)
    assert not leases.take_over(connection, found)  # of two who see it, one takes it


@pytest.mark.parametrize("text", ["", "{", "1", '{"r1": 2}', "null"])
async def test_garbage_in_the_list_of_runs_is_no_run(tmp_path: Path, text: str) -> None:
    async with engine(Team(tmp_path)) as d:
        store = SqliteStore(d.team.database).engine()
        with store.begin() as connection:
            leases.begin(connection, "w1")
            connection.execute(workers.update().where(workers.c.executor == "w1").values(works=text))
            found = {each.executor: each for each in leases.read_leases(connection)}
        store.dispose()
    assert found["w1"].works == ()
