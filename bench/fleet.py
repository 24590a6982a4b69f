"""Workers as processes: the cost of an idle one, the sharing of several, and the list of what thousands wait for."""

import asyncio
import os
import resource
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from bench.measure import Row
from phasegate.app import App, open_app
from phasegate.core import SystemClock
from phasegate.ledger import GateKey, GateRecord, GateStatus, Opening, Run, RunStatus
from phasegate.ledger.events import RoundStarted
from phasegate.ledger.rows import add_run, open_gate
from phasegate.scaffold.new_repository import NewRepository, create_repository
from phasegate.workflow import branch

SPEC = "specs/001-unattached-ebs-volumes"
COMMAND = (sys.executable, "-m", "phasegate.cli")
IDLE_SECONDS = 10
SETTLED_SECONDS = 4
"""Until a worker that was started has nothing left to load."""
LIGHT = 60
"""Runs to their first gate."""
PARKED = 10_000
SCREEN = 20
"""Gates that are listed at once, which must hold for the list to show them as they are."""
_MIB = 1024


async def fleet() -> list[Row]:
    """Measure an idle worker, one worker against several, and the list of gates."""
    alone = await _seconds_with(1)
    shared = [_shared(workers, await _seconds_with(workers), alone) for workers in (2, 4)]
    return [*await _idle(), *shared, *await _listed()]


async def _idle() -> list[Row]:
    with TemporaryDirectory() as folder:
        repository = _laid(Path(folder))
        async with _workers(repository, 1) as (process,):
            await asyncio.sleep(SETTLED_SECONDS)
            before = _cpu(process.pid)
            await asyncio.sleep(IDLE_SECONDS)
            share = 100 * (_cpu(process.pid) - before) / IDLE_SECONDS
            memory = _resident(process.pid)
    return [
        Row(what="idle worker, of a core", measured=f"{share:.1f} %", against="", ratio=share, bar=1, unit=" %"),
        Row(what="idle worker, memory", measured=f"{memory:.0f} MiB", against="", ratio=memory, bar=150, unit=" MiB"),
    ]


def _shared(workers: int, seconds: float, alone: float) -> Row:
    return Row(
        what=f"{LIGHT} runs to their first gate, {workers} workers",
        measured=f"{seconds:.0f} s",
        against=f"{alone:.0f} s with one",
        ratio=seconds / alone,
        bar=1,
    )


async def _seconds_with(workers: int) -> float:
    """Seconds from the start of so many workers until all runs wait at their first gate."""
    with TemporaryDirectory() as folder:
        repository = _laid(Path(folder))
        async with open_app(repository) as app:
            for number in range(LIGHT):
                await _begin(app, f"light-{number:02}")
            began = time.perf_counter()
            async with _workers(repository, workers):
                await _all_stand(app)
                seconds = time.perf_counter() - began
            stopped = [run.id for run in await app.ledger.runs() if run.status is not RunStatus.waiting]
    if stopped:
        raise RuntimeError(f"{len(stopped)} runs did not come to their gate")
    return seconds


async def _all_stand(app: App) -> None:
    """Wait until no run works; nothing tells one process of what another has done."""
    while any(run.status is RunStatus.working for run in await app.ledger.runs()):  # noqa: ASYNC110
        await asyncio.sleep(0.2)


async def _begin(app: App, name: str) -> None:
    """Begin a run as `App.start` does, without the lint: all are of one spec."""
    run = _run(app, name)
    app.workspace.mark(f"intake/{name}/0", run.base)
    app.workspace.aim(f"target/{name}")
    await app.ledger.add_run(run, (await app.queue.opened()).dispatch, app.keeper.terms(run))


async def _listed() -> list[Row]:
    """CPU seconds and lines of `phasegate gates`, where thousands of gates are open."""
    with TemporaryDirectory() as folder:
        repository = _laid(Path(folder))
        async with open_app(repository) as app:
            for number in range(SCREEN):
                await _park(app, f"a{number:05}")
            await app.database.write(_more, app)
        told = [_told(repository) for _ in range(5)]
    seconds, lines = statistics.median(cpu for cpu, _ in told), told[0][1]
    cpu = Row(
        what=f"'gates', {PARKED:,} parked", measured=f"{seconds:.2f} s", against="", ratio=seconds, bar=1, unit=" s CPU"
    )
    return [cpu, Row(what="its output", measured=f"{lines} lines", against="", ratio=lines, bar=40, unit=" lines")]


async def _park(app: App, name: str) -> None:
    run = _run(app, name)
    await app.ledger.add_run(run, lambda *_: None, app.keeper.terms(run))
    gate = _gate(app, run)
    await app.ledger.open_gate(
        gate.key, lambda _: Opening(gate, None, [RoundStarted(phase="specify", attempt=1, round=1)])
    )
    await app.ledger.wait(run.id)


def _more(connection: sa.Connection, app: App) -> None:
    """Add the rows of the runs that are on later screens."""
    for number in range(PARKED - SCREEN):
        run = _run(app, f"b{number:05}")
        add_run(connection, run)
        open_gate(connection, _gate(app, run))


def _run(app: App, name: str) -> Run:
    head, now = app.workspace.head(), app.clock.now()
    return Run(id=name, spec=SPEC, flow=app.flow.name, branch=branch(name), base=head, by="ada", started_at=now)


def _gate(app: App, run: Run) -> GateRecord:
    return GateRecord(
        key=GateKey(run.id, "specify", 1),
        status=GateStatus.open,
        commit=run.base,
        tree=app.workspace.tree_id(run.base),
        since=run.base,
        digest="d" * 64,
        opened_at=run.started_at + timedelta(seconds=1),
    )


def _told(repository: Path) -> tuple[float, int]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run([*COMMAND, "gates"], cwd=repository, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, len(said.stdout.splitlines())


def _laid(folder: Path) -> Path:
    create_repository(folder / "acme", NewRepository(project="acme", spec="unattached-ebs-volumes"), SystemClock())
    return folder / "acme"


@asynccontextmanager
async def _workers(repository: Path, count: int) -> AsyncIterator[Sequence[asyncio.subprocess.Process]]:
    """Run so many workers while the block lasts."""
    null = asyncio.subprocess.DEVNULL
    started = [
        await asyncio.create_subprocess_exec(*COMMAND, "worker", cwd=repository, stdin=null, stdout=null, stderr=null)
        for _ in range(count)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            await process.wait()


def _cpu(pid: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> float:
    """MiB of a process that are in memory."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / _MIB
