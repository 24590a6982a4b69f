"""Sums of model calls."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from phasegate.models import (
    Allowance,
    Call,
    ChatModel,
    Meter,
    ModelFailed,
    Price,
    Prices,
    Recording,
    RecordingModel,
    ReplayModel,
    Reply,
    Scope,
    ScriptedModel,
    UnknownPrice,
    Usage,
    read_spending,
    read_writing,
)
from phasegate.models.chat import Progress, Prompt
from phasegate.store import Database, locate
from phasegate.store.schema import model_calls

MODEL = "scripted:list"
OWN = Prices(own={MODEL: Price.model_validate({"input": 1, "output": 2, "as_of": "2026-11-30"})})
CALL = Call(messages=(Prompt(role="system", text="x" * 1000),), max_tokens=1000)
CACHED = Reply(text="ok", usage=Usage(input=100, output=50, cache_read=40, cache_write=7))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await locate(tmp_path).open(lambda _: None)
    yield opened
    await opened.close()


async def call(
    database: Database, model: ChatModel, key: str = "plan/1/1/plan", role: str = "qa", number: int = 1
) -> None:
    meter = Meter(database=database, prices=OWN)
    await meter.complete(model, Scope(run="r1", role=role, key=key), number, CALL, Allowance())


async def test_what_was_spent_stays_when_replies_are_forgotten(database: Database) -> None:
    await call(database, ScriptedModel([CACHED]))
    await Meter(database=database, prices=OWN).forget("r1")
    (row,) = await database.read(read_spending)
    assert (row.run, row.phase, row.role, row.model) == ("r1", "plan", "qa", MODEL)
    found = row.amounts
    assert (found.calls, found.input, found.output, found.cache_read, found.cache_write) == (1, 100, 50, 40, 7)
    assert (found.usd, found.open_calls, found.reserved_tokens) == (Decimal("0.0002"), 0, 0)


async def test_a_call_whose_end_is_unknown_is_reserved_and_not_paid(database: Database) -> None:
    with pytest.raises(ModelFailed):
        await call(database, ScriptedModel([]))
    await call(database, ScriptedModel([CACHED]))
    (row,) = await database.read(read_spending, ["r1"])
    assert (row.amounts.calls, row.amounts.open_calls, row.amounts.usd) == (2, 1, Decimal("0.0002"))
    assert row.amounts.reserved_tokens > 1000
    assert row.amounts.reserved_usd > Decimal("0.002")
    assert await database.read(read_writing, "r1") == []


async def test_a_call_without_usage_has_ended_with_what_was_reserved(database: Database) -> None:
    with pytest.raises(UnknownPrice):
        await call(database, ScriptedModel([Reply(text="ok")]))
    (row,) = await database.read(read_spending, ["r1"])
    assert (row.amounts.calls, row.amounts.open_calls) == (1, 1)
    assert await database.read(read_writing, "r1") == []


async def test_nobody_pays_what_a_recording_answered(database: Database, tmp_path: Path) -> None:
    recording = Recording.begin(tmp_path / "kept.jsonl", datetime.now(UTC).replace(microsecond=0))
    await call(database, RecordingModel(ScriptedModel([CACHED]), recording))
    await call(database, ReplayModel(Recording.read(recording.path), MODEL), key="tasks/1/1/tasks")
    plan, tasks = (row.amounts for row in await database.read(read_spending, ["r1"]))
    assert (plan.calls, plan.replayed, plan.usd) == (1, 0, Decimal("0.0002"))
    assert (tasks.calls, tasks.replayed, tasks.usd, tasks.input) == (0, 1, Decimal(0), 0)


async def test_calls_are_told_apart_by_their_day(database: Database) -> None:
    await call(database, ScriptedModel([CACHED]))
    await call(database, ScriptedModel([CACHED]), key="tasks/1/1/tasks")
    eve, new_year = (int(datetime(2026, 12, 31, 23, 59, tzinfo=UTC).timestamp() * 1000) + late for late in (0, 60_000))

    def move(connection: sa.Connection) -> None:
        for key, begun in (("plan/1/1/plan", eve), ("tasks/1/1/tasks", new_year)):
            times = {"begun_at": begun, "ended_at": begun + 2500}
            connection.execute(sa.update(model_calls).where(model_calls.c.key == key).values(**times))

    await database.write(move)
    rows = await database.read(read_spending)
    assert [(row.day, row.amounts.seconds) for row in rows] == [(date(2026, 12, 31), 2.5), (date(2027, 1, 1), 2.5)]
    assert [row.phase for row in await database.read(read_spending, None, date(2027, 1, 1))] == ["tasks"]


async def test_a_reply_being_written_is_seen_with_its_length(database: Database) -> None:
    class Slow:
        name = MODEL

        async def complete(self, call: Call, progress: Progress) -> Reply:
            values = {"characters": 1234}
            await database.write(
                lambda connection: connection.execute(sa.update(model_calls).values(**values)) and None
            )
            (writing,) = await database.read(read_writing, "r1")
            assert (writing.role, writing.key, writing.characters) == ("qa", "plan/1/1/plan", 1234)
            return CACHED

    await call(database, Slow())
    assert await database.read(read_writing, "r1") == []
