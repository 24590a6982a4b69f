"""Rows that hide something, or feign it, are told."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from phasegate.ledger import DecisionKind
from unit.workflow.fixtures import Engine, Team, engine


def _sql(d: Engine, statement: str) -> None:
    with sa.create_engine(f"sqlite:///{d.team.database}").begin() as connection:
        connection.execute(sa.text(statement))


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("update gates set status = 'decided' where phase = 'second'", "says 'decided', and its events say 'open'"),
        ("update gates set status = 'void' where phase = 'second'", "says 'void', and its events say 'open'"),
        ("update gates set status = 'open'", "says 'open', and its events say 'decided'"),
        ("update gates set digest = 'x' where phase = 'second'", "is not what was recorded when it opened"),
        ("update gates set opened_at = 1 where phase = 'second'", "is not what was recorded when it opened"),
        ("delete from gates where phase = 'second'", "was opened, and its row is gone"),
        ("update gates set attempt = 7 where phase = 'second'", "was opened, and its row is gone"),
        ("insert into gates select run, 'x', attempt, status, \"commit\", tree, since, digest, opened_at from gates"
         " where phase = 'second'", "no event tells of gate 'r1/x/1'"),
        ("update runs set note = 'approved'", "its row has a note, and it is not parked"),
        ("update runs set status = 'released'", "its row says 'released', and its events say 'not ended'"),
        ("delete from events", "no event tells of its start"),
    ],
)  # fmt: skip
async def test_a_row_that_differs_from_the_events_is_told(tmp_path: Path, statement: str, says: str) -> None:
    async with engine(Team(tmp_path / "house")) as d:
        await d.segments.advance(await d.start())
        await d.decide(DecisionKind.approve, await d.open_gate())
        await d.segments.advance("r1")
        assert await d.ledger.broken("r1") == ""
        _sql(d, statement)
        assert says in await d.ledger.broken("r1")


async def test_a_run_that_is_over_by_its_row_alone_is_told(tmp_path: Path) -> None:
    async with engine(Team(tmp_path / "house")) as d:
        for name in ("r1", "r2"):
            await d.segments.advance(await d.start(run_id=name))
        await d.decide(DecisionKind.reject, next(g for g in await d.ledger.gates("r1")))
        await d.segments.advance("r1")
        assert await d.ledger.feigned() == []
        _sql(d, "update runs set status = 'released'")
        lines = await d.ledger.feigned()
        assert ["r1" in lines[0], "r2" in lines[1]] == [True, True], lines
        _sql(d, "delete from runs where id = 'r2'")
        assert [line for line in await d.ledger.feigned() if "'r2'" in line and "its row is gone" in line]
