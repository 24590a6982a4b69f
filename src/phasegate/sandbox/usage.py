"""Resources that a tree of processes and a directory use at present, read from /proc and the file system."""

import asyncio
import contextlib
import os
import signal
import stat
from pathlib import Path

from phasegate.sandbox import tree

_ROUNDS = 50
_DELETED = "(deleted)"


def descendants(pid: int) -> list[int]:
    """The process and all that it started and that are still there, parents first."""
    found = [pid]
    # The list grows while it is walked: children of children are found in the same pass.
    for parent in found:
        found += _children(parent)
    return found


def resident(pid: int) -> int:
    """Bytes of memory that the process and its descendants hold, files of the system not counted."""
    return sum(_resident(one) for one in descendants(pid))


async def end_tree(pid: int) -> None:
    """Ends the process and all its descendants, itself last: while it stands, it adopts what others leave behind."""
    # Again until none is left: between two looks, a process can have started another.
    for _ in range(_ROUNDS):
        others = descendants(pid)[1:]
        for one in others:
            _kill(one)
        if not others:
            break
        await asyncio.sleep(0.01)
    _kill(pid)


def disk(pid: int, top: Path, most: int) -> int:
    """Bytes of the files below `top`, and of those that only a process of the tree still holds, without a name.

    Returns:
        `most` + 1 where it is more than `most`.
    """
    total = tree.size(top, most)
    if total <= most:
        held = {key: size for one in descendants(pid) for key, size in (_held(one) | _mapped(one)).items()}
        # By device and number, so that a file which many processes hold counts once.
        total += sum(held.values())
    return min(total, most + 1)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with contextlib.suppress(OSError):
        # The kernel lists children by the thread that started them.
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                children += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text(encoding="utf-8").split())
    return children


def _resident(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    # RssFile is left out: pages of libraries are the system's, and shared by all.
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("RssAnon", "RssShmem")))


def _held(pid: int) -> dict[tuple[int, int], int]:
    """Files without a name that the process has open, by device and number."""
    held: dict[tuple[int, int], int] = {}
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                status = os.stat(f"/proc/{pid}/fd/{name}")
                # Deleted while open, or made by memfd_create: no walk of the folder finds these, and they fill the same
                # disk and memory.
                if status.st_nlink == 0 and stat.S_ISREG(status.st_mode):
                    held[status.st_dev, status.st_ino] = status.st_blocks * 512
    return held


def _mapped(pid: int) -> dict[tuple[int, int], int]:
    """Files without a name that the process has mapped, which it may have closed since."""
    mapped: dict[tuple[int, int], int] = {}
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.endswith(_DELETED):
                span, _, offset, device, inode, *_ = line.split()
                first, last = (int(number, 16) for number in span.split("-"))
                major, minor = (int(number, 16) for number in device.split(":"))
                key = os.makedev(major, minor), int(inode)
                mapped[key] = max(mapped.get(key, 0), int(offset, 16) + last - first)
    return mapped
