"""Rows of segments: in the caller's transaction, one after another within a run."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from phasegate.core import Exhausted
from phasegate.store.sqlite import SqliteStore
from phasegate.workflow.engine.queue import Queue
from unit.workflow.fixtures import Team, engine


def _rows(connection: sa.Connection) -> list[tuple[str, str, str]]:
    found = connection.exec_driver_sql(
        "select workflow_uuid, status, queue_partition_key from workflow_status order by workflow_uuid"
    )
    return [(row[0], row[1], row[2]) for row in found]


async def test_a_segment_is_enqueued_with_what_it_follows_from_or_not_at_all(tmp_path: Path) -> None:
    async with engine(Team(tmp_path)) as d:
        database = await SqliteStore(d.team.database).open()

        def fails(connection: sa.Connection) -> None:
            d.queue.dispatch(connection, "r1", 1)
            raise LookupError

        with pytest.raises(LookupError):
            await database.write(fails)
        assert await database.read(_rows) == []
        await database.write(d.queue.dispatch, "r1", 1)
        assert await database.read(_rows) == [("r1:1", "ENQUEUED", "r1")]
        await database.close()


async def test_nobody_holds_what_only_waits(tmp_path: Path) -> None:
    async with engine(Team(tmp_path)) as d:
        await d.start()
        assert d.queue.held() == {}
        assert d.queue.holder("r1") is None


async def test_rows_of_segments_that_ended_are_forgotten_up_to_a_number_and_of_one_run(tmp_path: Path) -> None:
    async with engine(Team(tmp_path)) as d:
        database = await SqliteStore(d.team.database).open()
        for run_id, number in (("r1", 1), ("r1", 2), ("r1", 3), ("r10", 1), ("r1", 10)):
            await database.write(d.queue.dispatch, run_id, number)
        ended = "update workflow_status set status = 'SUCCESS' where workflow_uuid not in ('r1:2')"
        await database.write(lambda connection: bool(connection.exec_driver_sql(ended)))
        d.queue.forget("r1", 3)
        assert [row[0] for row in await database.read(_rows)] == ["r10:1", "r1:10", "r1:2"]
        await database.close()


async def test_a_database_that_is_none_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "p.db").write_bytes(b"no database" * 1000)
    with pytest.raises(Exhausted, match="cannot be used"):
        await Queue.open(SqliteStore(tmp_path / "p.db"))
