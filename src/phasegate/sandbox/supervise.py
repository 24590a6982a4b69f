"""Supervision of one process: its start, its limits, and its end with everything it started."""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from phasegate.core.files import close_pipes
from phasegate.sandbox import usage
from phasegate.sandbox.limits import Limit, Limits, Outcome

_LOOK_SECONDS = 0.1
_GRACE_SECONDS = 2.0
_CHUNK = 65536
_XCPU = {152, -24}


@dataclass(kw_only=True)
class _Capture:
    stream: asyncio.StreamReader
    cap: int
    taken: bytearray

    async def read(self) -> Limit | None:
        """Read to the end, or to the cap."""
        while chunk := await self.stream.read(_CHUNK):
            room = self.cap - len(self.taken)
            self.taken += chunk[:room]
            if len(chunk) > room:
                return Limit.output
        return None

    async def drain(self) -> None:
        """Read to the end and forget: the process counts as ended only when its pipes are."""
        while await self.stream.read(_CHUNK):
            pass


async def supervise(command: Sequence[str], *, top: Path, limits: Limits) -> Outcome:
    """Run the command with an empty environment until it ends or meets a limit.

    Args:
        command: Program and arguments, sandbox included.
        top: The private directory, whose size is watched.
        limits: Wall time, memory of all processes, disk and output are held here; the rest inside.
    """
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # The environment holds keys of models and tools; inside there is what the sandbox sets.
        env={},
        cwd="/",
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    captures = [_Capture(stream=s, cap=limits.output, taken=bytearray()) for s in (process.stdout, process.stderr)]
    try:
        limit = await _until_end(process, captures, top, limits)
    finally:
        # Also where this task was cancelled: a command that nobody waits for would run on.
        await usage.end_tree(process.pid)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(c.drain() for c in captures), process.wait()), _GRACE_SECONDS)
        close_pipes(process)
    code = process.returncode if process.returncode is not None else -9
    return Outcome(
        exit_code=code if code >= 0 else 128 - code,
        stdout=bytes(captures[0].taken),
        stderr=bytes(captures[1].taken),
        seconds=time.monotonic() - began,
        # The kernel ends a process over its CPU time by SIGXCPU; both sandboxes tell of it, each in its way.
        limit=limit or (Limit.cpu_time if code in _XCPU else None),
    )


async def _until_end(
    process: asyncio.subprocess.Process, captures: Sequence[_Capture], top: Path, limits: Limits
) -> Limit | None:
    readers = [asyncio.create_task(capture.read()) for capture in captures]
    watch = asyncio.create_task(_watch(process.pid, top, limits))
    end = asyncio.create_task(_ended(process))
    try:
        pending: set[asyncio.Task[Limit | None] | asyncio.Task[None]] = {*readers, watch, end}
        while not end.done():
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if limit := _met(done):
                return limit
        # What was written before the end is still in the pipes; a process that escaped may hold them open.
        done, _ = await asyncio.wait(readers, timeout=_GRACE_SECONDS)
        return _met(done)
    finally:
        for task in (*readers, watch, end):
            task.cancel()
        await asyncio.gather(*readers, watch, end, return_exceptions=True)


async def _watch(pid: int, top: Path, limits: Limits) -> Limit | None:
    ends = time.monotonic() + limits.wall_seconds
    while (left := ends - time.monotonic()) > 0:
        if usage.resident(pid) > limits.memory:
            return Limit.memory
        if usage.disk(pid, top, limits.disk) > limits.disk:
            return Limit.disk
        await asyncio.sleep(min(_LOOK_SECONDS, left))
    return Limit.wall_time


async def _ended(process: asyncio.subprocess.Process) -> None:
    await process.wait()


def _met(done: Iterable[asyncio.Task[Limit | None] | asyncio.Task[None]]) -> Limit | None:
    return next((limit for task in done if (limit := task.result())), None)
