"""Identity of this host and of its processes, since the system gives a process number out again."""

import os
import socket
from functools import cache
from pathlib import Path


@cache
def host() -> str:
    """Name this machine since it was started, and the container: process numbers mean something only within it."""
    boot = _text(Path("/proc/sys/kernel/random/boot_id"))
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return "/".join((socket.gethostname(), boot, space))


def process_start(pid: int) -> str:
    """Return when a process started, in clock ticks since boot, or an empty string once it has ended.

    Without `/proc`, where no start can be read, it is `alive` for any living process.
    """
    # Behind the last parenthesis: a program chooses its own name, with spaces and parentheses in it.
    stat = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    if stat:
        return "" if stat[0] in ("Z", "X") else stat[19]
    if Path("/proc/self/stat").exists():
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "alive"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
