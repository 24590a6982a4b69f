"""What thousands of runs that wait for a person cost the others: listing their gates, and going on with one."""

import sqlite3
import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.desk import Desk, advance, desk
from bench.measure import Row
from phasegate.reports.inbox import Inbox

PARKED = 5_000
RESUMED = 40
LIST_BAR = 50.0
"""Milliseconds."""
_TABLES = {
    "runs": "id",
    "gates": "run",
    "events": "run",
    "checkpoints": "thread_id",
    "writes": "thread_id",
}


async def parked(runs: int = PARKED) -> list[Row]:
    """Listing the first page of what waits, and a decision with what follows from it up to the next gate."""
    alone, _ = await _measured(1)
    among, listed = await _measured(runs)
    ratio = _p95(among) / _p95(alone)
    rate = f"{_p95(among) * 1000:.0f} ms"
    against = f"{_p95(alone) * 1000:.0f} ms beside one"
    return [
        Row(what=f"resume P95, {runs:,} parked", measured=rate, against=against, ratio=ratio, bar=2),
        Row(
            what=f"first page of {runs:,} gates",
            measured=f"{listed:.0f} ms",
            against="",
            ratio=listed,
            bar=LIST_BAR,
            unit=" ms",
        ),
    ]


async def _measured(runs: int) -> tuple[list[float], float]:
    """Seconds of each resume, and milliseconds of the list."""
    names = [f"go-{number:03}" for number in range(RESUMED + 5)]
    with TemporaryDirectory() as folder:
        async with desk(Path(folder)) as d:
            for name in ("parked", *names):
                await d.start(name, "")
                await advance(d, name)
            _copy(d.path, runs - 1)
            seconds = [await _resume(d, name) for name in names]
            return seconds[5:], statistics.median([await _listed(d) for _ in range(7)])


async def _resume(d: Desk, name: str) -> float:
    began = time.perf_counter()
    await d.approve(name)
    await advance(d, name)
    return time.perf_counter() - began


async def _listed(d: Desk) -> float:
    began = time.perf_counter()
    rows, _ = await Inbox(keeper=d.keeper, cards={}, database=d.database).waiting()
    assert rows
    return (time.perf_counter() - began) * 1000


def _copy(path: Path, times: int) -> None:
    """Puts the rows of the parked run there again under other names: what is parked is rows, and nothing else."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for table, column in _TABLES.items():
            columns = [row[1] for row in connection.execute(f"pragma table_info({table})")]
            chosen = ", ".join("?1 || n.value" if name == column else f't."{name}"' for name in columns)
            connection.execute(
                f"with recursive n(value) as (select 1 union all select value + 1 from n where value < ?2) "
                f"insert into {table} select {chosen} from {table} t, n where t.{column} = 'parked' and ?2 > 0",
                ("parked-", times),
            )


def _p95(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]
