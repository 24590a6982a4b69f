"""A server that is a program: spoken to over its standard streams, within bounds that it cannot stretch."""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCMessage

from phasegate.core.files import close_pipes, open_owned
from phasegate.core.secrets import without_secrets

MOST_BYTES = 16 * 2**20
"""Of one message; a server that says more at once is ended."""
LOGGED_BYTES = 2**20
"""Of what one start of a server writes to its standard error; the rest is read, and thrown away."""
_GRACE_SECONDS = 2.0
_LAST_WORDS_SECONDS = 0.5
_TAIL_BYTES, _STRAY_BYTES = 4_096, 200
Read = MemoryObjectReceiveStream[SessionMessage | Exception]
Write = MemoryObjectSendStream[SessionMessage]


@dataclass(kw_only=True)
class Transcript:
    """Output of a program besides messages, as far as it explains a failure."""

    said: bytes = b""
    """The end of its standard error."""
    stray: str = ""
    """What it wrote to its standard output first that is no message."""
    is_ours: Callable[[], bool] = lambda: True
    """Whether nobody else's call would be cut off with the program."""


@asynccontextmanager
async def program(
    words: Sequence[str], environ: Mapping[str, str], log: Path | None, folder: Path, transcript: Transcript
) -> AsyncIterator[tuple[Read, Write]]:
    """Start a program and speak with it until it or the context ends, with all that it started.

    Args:
        words: the program, and its arguments.
        environ: what it sees besides what every program needs (`PATH`, `HOME`, …).
        log: what it writes to its standard error is added to this file; None throws it away.
        folder: where it starts.
        transcript: takes the end of what it says besides messages.
    """
    sees = {**get_default_environment(), **environ}
    process = await asyncio.create_subprocess_exec(
        *words, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=sees, cwd=folder, limit=MOST_BYTES, start_new_session=True
    )
    # Nothing is buffered: a server that says more than anybody reads is held up by its own pipe.
    said, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, told = anyio.create_memory_object_stream[SessionMessage](0)
    try:
        async with anyio.create_task_group() as group, said, told:
            silent = anyio.Event()

            async def hear() -> None:
                await _hear(process, said, transcript)
                with anyio.move_on_after(_LAST_WORDS_SECONDS):  # why it ends stands there
                    await silent.wait()
                group.cancel_scope.cancel()  # a server that says no more is over

            async def note() -> None:
                await _log(process, log, transcript)
                silent.set()

            group.start_soon(hear)
            group.start_soon(_tell, process, told)
            group.start_soon(note)
            try:
                yield read, write
            finally:
                group.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process)


def neutral_folder(environ: Mapping[str, str]) -> Path:
    """Return a folder of the person's own that no repository holds, made where it is missing."""
    base = Path(environ.get("XDG_CACHE_HOME") or "")
    folder = (base if base.is_absolute() else Path.home() / ".cache") / "phasegate" / "servers"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:  # a home that cannot be written
        return Path("/")
    return folder


async def _hear(
    process: Process, said: MemoryObjectSendStream[SessionMessage | Exception], transcript: Transcript
) -> None:
    with suppress(anyio.BrokenResourceError):
        while line := await _line(process, transcript):
            message = _message(line)
            if message:
                await said.send(SessionMessage(message))
            elif not transcript.stray:
                transcript.stray = line[:_STRAY_BYTES].decode(errors="replace").strip()


async def _line(process: Process, transcript: Transcript) -> bytes:
    """Return the next line, or end a server that says too much at once unless others wait for it as well."""
    assert process.stdout
    while True:
        try:
            return await process.stdout.readline()
        except ValueError:  # longer than a line may be: what was read of it is gone
            if transcript.is_ours():
                return b""


def _message(line: bytes) -> JSONRPCMessage | None:
    """A line that is no message is nobody's: servers print what they should not."""
    try:
        return JSONRPCMessage.model_validate_json(line)
    except ValueError:
        return None


async def _tell(process: Process, told: MemoryObjectReceiveStream[SessionMessage]) -> None:
    assert process.stdin
    with suppress(OSError):  # it went away; whoever waits for its answer learns that from its silence
        async for message in told:
            process.stdin.write(message.message.model_dump_json(by_alias=True, exclude_none=True).encode() + b"\n")
            await process.stdin.drain()


async def _log(process: Process, log: Path | None, transcript: Transcript) -> None:
    assert process.stderr
    left = LOGGED_BYTES if log else 0
    while chunk := await process.stderr.read(65_536):
        transcript.said = (transcript.said + chunk)[-_TAIL_BYTES:]
        if log and left:
            with open_owned(log, "ab") as file:
                file.write(without_secrets(chunk[:left].decode(errors="replace")).encode())
            left -= len(chunk[:left])


async def _end(process: Process) -> None:
    """End a program and its children: by closing its input, then by a signal, then by force."""
    # The protocol ends a server by the end of its input; a signal is for one that does not listen.
    if process.stdin:
        process.stdin.close()
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if number is not None:
            _send(process, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE_SECONDS)
            break
    _send(process, signal.SIGKILL)
    with suppress(TimeoutError, ValueError):  # what was not read keeps its pipes open
        await asyncio.wait_for(asyncio.gather(_emptied(process.stdout), _emptied(process.stderr)), _GRACE_SECONDS)
    close_pipes(process)


async def _emptied(stream: asyncio.StreamReader | None) -> None:
    while stream and await stream.read(2**20):
        pass


def _send(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)  # it began a session of its own: its group has its number
