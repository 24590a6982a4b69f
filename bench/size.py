"""Bytes of database that a run takes up: at each of its gates, and when it has ended."""

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.desk import Desk, advance, desk, sdlc
from bench.measure import Row

RUNS = 24
KILO = 1024


async def sizes(runs: int = RUNS) -> list[Row]:
    """A line for each gate, and one for the end; all tables and indexes, the queue's and the checkpoints' included."""
    names = [f"run-{number:03}" for number in range(runs)]
    with TemporaryDirectory() as folder:
        async with desk(Path(folder)) as d:
            empty, rows = size_of(d.path), []
            for name in names:
                await d.start(name, "")
            for phase in sdlc().phases:
                await _advance(d, names)
                rows.append(_row(f"at gate '{phase.gate.name}'", (size_of(d.path) - empty) / runs))
                for name in names:
                    await d.approve(name)
            await _advance(d, names)
            rows.append(_row("when it has ended", (size_of(d.path) - empty) / runs))
    return rows


async def _advance(d: Desk, names: list[str]) -> None:
    """As a worker does, which marks the queue's row as done and forgets those before."""
    for name in names:
        await advance(d, name)
        _mark_done(d.path, name)


def _mark_done(path: Path, name: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        done = "update workflow_status set status = 'SUCCESS', completed_at = created_at where queue_partition_key = ?"
        connection.execute(done, (name,))


def size_of(path: Path) -> int:
    """Bytes of the database without its free pages."""
    with TemporaryDirectory() as folder, closing(sqlite3.connect(path)) as connection:
        copy = Path(folder) / "copy.db"
        connection.execute("vacuum into ?", (str(copy),))
        return copy.stat().st_size


def _row(when: str, size: float) -> Row:
    kilo = size / KILO
    return Row(what=f"database, {when}", measured=f"{kilo:.1f} KB", against="a run", ratio=kilo, bar=32, unit=" KB")
