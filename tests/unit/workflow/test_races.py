"""Eight deciders from two processes at one gate: one of them wins, each time, and one segment follows."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from phasegate.store.sqlite import SqliteStore
from unit.ledger.chain_check import first_break
from unit.workflow.fixtures import engine
from unit.workflow.races import DECIDERS, key_of, open_gates, race, racers

GATES = 1000


def _segments(connection: sa.Connection) -> dict[str, int]:
    rows = connection.exec_driver_sql("select queue_partition_key, count(*) from workflow_status group by 1")
    return {row[0]: row[1] for row in rows}


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_of_eight_deciders_from_two_processes_one_wins_each_of_many_races(tmp_path: Path) -> None:
    async with engine(racers(tmp_path)) as d:
        await open_gates(d, GATES)
    told = _run(tmp_path)
    async with engine(racers(tmp_path)) as d:
        database = await SqliteStore(d.team.database).open()
        segments = await database.read(_segments)
        for number in range(GATES):
            answers = [answer for process in told for answer in process[number].split()]
            winners = [answer for answer in answers if answer.startswith("won:")]
            assert len(answers) == 2 * DECIDERS
            assert answers.count("already_decided") == 2 * DECIDERS - 1
            key = key_of(number)
            decision = await d.ledger.decision(key)
            assert decision
            assert [f"won:{decision.statement.comments[0].text}"] == winners
            assert segments[key.run] == (await d.ledger.run(key.run)).segments == 2
            events = await d.ledger.events(key.run)
            assert [entry.event.kind for entry in events] == ["run", "gate", "decision"]
            assert first_break(events, d.ledger.key) == 0
        await database.close()
    assert {winner[4] for process in told for answers in process for winner in answers.split() if "won" in winner} == {
        "a",
        "b",
    }


def _run(folder: Path) -> list[list[str]]:
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(2, mp_context=context) as processes:
        start = manager.Barrier(2, timeout=60)
        racing = [processes.submit(race, folder, name, GATES, start) for name in ("a", "b")]  # type: ignore[arg-type]
        return [each.result(timeout=600) for each in racing]
