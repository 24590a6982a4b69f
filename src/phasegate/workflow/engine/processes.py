"""Processes of this host, told apart from later ones with the same number."""

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


def born(pid: int) -> str:
    """Return a text that is constant for a process's life, or an empty string once it has ended."""
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
