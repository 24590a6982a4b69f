"""`python -m bench`: measures, and prints one table. Exits with 1 only where something could not be measured."""

import asyncio
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.engine import latency, overhead
from bench.fleet import fleet
from bench.hands import hands
from bench.job import job
from bench.measure import Row
from bench.models import models
from bench.parked import parked
from bench.size import sizes

Measure = Callable[[], Awaitable[Sequence[Row]]]


async def _overhead() -> Sequence[Row]:
    return [await overhead(gates=False), await overhead(gates=True)]


async def _latency() -> Sequence[Row]:
    return [await latency()]


async def _help() -> Sequence[Row]:
    command = shutil.which("phasegate", path=str(Path(sys.executable).parent)) or shutil.which("phasegate")
    if command is None:
        raise FileNotFoundError("the command 'phasegate' is not installed beside this Python")
    seconds = statistics.median(_seconds([command, "--help"]) for _ in range(7))
    return [Row(what="phasegate --help", measured=f"{seconds:.2f} s", against="", ratio=seconds, bar=0.3, unit=" s")]


def _seconds(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


MEASURES: dict[str, Measure] = {
    "overhead": _overhead,
    "latency": _latency,
    "models": models,
    "job": job,
    "size": sizes,
    "parked": parked,
    "fleet": fleet,
    "hands": hands,
    "help": _help,
}


def main(names: Sequence[str]) -> int:
    """Measures what is named, or everything."""
    table = Table("what", "measured", "against", "figure", "bar", "", title="Phasegate, measured in one run")
    failed = 0
    for name in names or MEASURES:
        try:
            rows = asyncio.run(_measure(name))
        except Exception as error:
            failed = 1
            table.add_row(name, "could not be measured", str(error), "", "", "?")
        else:
            for row in rows:
                table.add_row(*_cells(row))
    Console(width=110).print(table)
    return failed


async def _measure(name: str) -> Sequence[Row]:
    return await MEASURES[name]()


def _cells(row: Row) -> Sequence[str]:
    figure, bar = f"{row.ratio:.2f}{row.unit}", f"≤ {row.bar:g}{row.unit}"
    return row.what, row.measured, row.against, figure, bar, "holds" if row.holds else "MISSED"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
