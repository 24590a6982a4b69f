"""What a tree of processes and a directory use at present, read from /proc and the file system."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

_MOST_FILES = 20_000
_ROUNDS = 50


def descendants(pid: int) -> list[int]:
    """The process and all that it started and that are still there, parents first."""
    found = [pid]
    for parent in found:
        found += _children(parent)
    return found


def resident(pid: int) -> int:
    """Bytes of memory that the process and its descendants hold, files of the system not counted."""
    return sum(_resident(one) for one in descendants(pid))


async def end_tree(pid: int) -> None:
    """Ends the process and all its descendants, itself last: while it stands, it adopts what others leave behind."""
    for _ in range(_ROUNDS):
        others = descendants(pid)[1:]
        for one in others:
            _kill(one)
        if not others:
            break
        await asyncio.sleep(0.01)
    _kill(pid)


def disk(top: Path, most: int) -> int:
    """Bytes of the files below `top`; `most` + 1 where there are more files than anyone needs."""
    total = 0
    for count, size in enumerate(_sizes(top)):
        total += size
        if count > _MOST_FILES or total > most:
            return most + 1
    return total


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                children += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text().split())
    return children


def _resident(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("RssAnon", "RssShmem")))


def _sizes(top: Path) -> Iterator[int]:
    for folder, _, names in os.walk(top):
        for name in names:
            try:
                yield os.lstat(os.path.join(folder, name)).st_blocks * 512
            except OSError:
                yield 0
